-- A token for :claims, signed with HS256 by :secret, which has 64 letters: as many bytes as HMAC's block.
WITH parts AS (
    SELECT convert_to(:'secret', 'UTF8') AS secret,
        '{"alg":"HS256","typ":"JWT"}'::text AS header,
        (:'claims'::jsonb || jsonb_build_object('exp', extract(epoch FROM now() + interval '30 days')::bigint))::text AS claims
), pads AS (
    SELECT string_agg(set_byte('\x00', 0, get_byte(secret, i) # 54), '' ORDER BY i) AS inner_pad,
        string_agg(set_byte('\x00', 0, get_byte(secret, i) # 92), '' ORDER BY i) AS outer_pad
    FROM parts, generate_series(0, 63) AS i
), signed AS (
    SELECT rtrim(translate(encode(convert_to(header, 'UTF8'), 'base64'), E'+/\n', '-_'), '=') || '.'
        || rtrim(translate(encode(convert_to(claims, 'UTF8'), 'base64'), E'+/\n', '-_'), '=') AS text
    FROM parts
)
SELECT text || '.' || rtrim(translate(encode(sha256(outer_pad || sha256(inner_pad || convert_to(text, 'UTF8'))), 'base64'),
    E'+/\n', '-_'), '=')
FROM signed, pads;
