-- A few thousand believable rows for schema.sql, the same at every run but for the dates: they lie
-- within the 180 days before now().
--
-- Every key derives from a name, so that claims can be written down:
--
--   organisation   organization_id                        members   language
--   Aurore         a0000000-0000-4000-8000-000000000001        24   French
--   Boréal         b0000000-0000-4000-8000-000000000002        20   French and English
--   Cobalt         c0000000-0000-4000-8000-000000000003        16   English
--
-- Member n of an organisation, n from 1, has the id md5('profile:<slug>:<n>')::uuid, the slug being
-- aurore, boreal or cobalt. Member 1 is the admin, 2 to 4 are managers, the others employees:
--
--   select jsonb_build_object('sub', md5('profile:aurore:1')::uuid,
--       'organization_id', 'a0000000-0000-4000-8000-000000000001', 'role', 'authenticated');

SET client_encoding = 'UTF8';

-- ---------------------------------------------------------------------------------------------------
-- Deterministic choices. md5 and not random(): the same on every version and platform, and a row does
-- not change when another one is added before it.
-- ---------------------------------------------------------------------------------------------------

CREATE FUNCTION pg_temp.fraction(seed text) RETURNS double precision
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT ('x' || substr(md5(seed), 1, 8))::bit(32)::bigint / 4294967296.0::double precision
$$;

-- 1 to n
CREATE FUNCTION pg_temp.pick(seed text, n integer) RETURNS integer
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT 1 + floor(n * pg_temp.fraction(seed))::integer
$$;

CREATE FUNCTION pg_temp.one_of(seed text, VARIADIC choices text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT choices[pg_temp.pick(seed, cardinality(choices))]
$$;

CREATE FUNCTION pg_temp.days_ago(seed text, most double precision) RETURNS timestamptz
    LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('second', now() - make_interval(secs => 86400 * most * pg_temp.fraction(seed)))
$$;

CREATE FUNCTION pg_temp.member(slug text, n integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT md5(format('profile:%s:%s', slug, n))::uuid
$$;

CREATE FUNCTION pg_temp.ascii(name text) RETURNS text
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT regexp_replace(
        lower(translate(replace(name, 'œ', 'oe'),
            'ÀÂÅÇÈÉÊËÎÏÓÔÖØÚŁŚŠàáâãäåçèéêëễíîïịñòóôöøłśšşıúùûüýž ',
            'AAACEEEEIIOOOOULSSaaaaaaceeeeeiiiinooooolsssiuuuuyz.')),
        '[^a-z.]', '', 'g')
$$;

-- What the generators need to know of an organisation: its languages and how much of everything it has.
CREATE TEMPORARY TABLE demo_org AS
SELECT *
FROM (VALUES
    ('a0000000-0000-4000-8000-000000000001'::uuid, 'aurore', '{fr}'::text[], 24, 70, 14, 200),
    ('b0000000-0000-4000-8000-000000000002', 'boreal', '{fr,en}', 20, 50, 12, 160),
    ('c0000000-0000-4000-8000-000000000003', 'cobalt', '{en}', 16, 40, 10, 120)
) AS v (id, slug, languages, members, goals, postings, candidates);

CREATE TEMPORARY TABLE demo_text (topic text, language text, choices text[], PRIMARY KEY (topic, language));

INSERT INTO demo_text VALUES
    ('goal', 'fr', ARRAY[
        'Réduire le délai de recrutement', 'Améliorer l’expérience des nouveaux arrivants',
        'Déployer la marque employeur en région', 'Fidéliser les équipes techniques',
        'Former chaque manager au feedback', 'Atteindre la parité dans l’encadrement',
        'Moderniser le parcours d’intégration', 'Simplifier les entretiens annuels',
        'Développer la mobilité interne', 'Réussir la migration de la paie',
        'Faire baisser l’absentéisme', 'Ouvrir le pôle de Besançon']),
    ('goal', 'en', ARRAY[
        'Shorten time to hire', 'Make onboarding a joy', 'Grow the engineering team',
        'Raise the employee net promoter score', 'Train every manager in feedback',
        'Reach parity in leadership', 'Launch the internal job market', 'Cut voluntary attrition',
        'Roll out the new payroll', 'Build a graduate programme', 'Make reviews lighter',
        'Open the Zürich office']),
    ('note', 'fr', ARRAY[
        'Très bon échange, à revoir avec l’équipe.', 'Prétentions salariales un peu élevées.',
        'Excellente maîtrise de PostgreSQL.', 'Préavis de trois mois, négociable.',
        'À l’écoute, pose de bonnes questions 👍', 'Hésite encore à déménager à Nîmes.',
        'Références vérifiées : rien à signaler.', 'Préfère un poste à 80 %.',
        'A déjà travaillé avec Zoé chez un ancien client.', 'Relancer après les congés d’été.']),
    ('note', 'en', ARRAY[
        'Great conversation, should meet the team.', 'Salary expectations a little high.',
        'Knows PostgreSQL inside out.', 'Three months’ notice, negotiable.',
        'Listens well, asks good questions 👍', 'Still hesitant about relocating to Zürich.',
        'References checked: nothing to report.', 'Would prefer four days a week.',
        'Asked twice about the "no meeting" Friday.', 'Call again after the summer holidays.']),
    ('feedback', 'fr', ARRAY[
        'Merci pour ton aide sur la clôture du trimestre !', 'Toujours prêt·e à expliquer, c’est précieux.',
        'Des présentations plus courtes auraient plus d’effet.', 'Bravo pour l’organisation du séminaire.',
        'Pense à partager les comptes rendus plus tôt.',
        'Ton calme pendant l’incident a rassuré tout le monde.']),
    ('feedback', 'en', ARRAY[
        'Thanks for your help with the quarter close!', 'Always ready to explain, that is precious.',
        'Shorter decks would land better.', 'Kudos for organising the offsite.',
        'Please share the minutes a little earlier.', 'Your calm during the incident helped everybody.']),
    ('interview', 'fr', ARRAY[
        'Solide techniquement, à l’aise à l’oral.', 'Réponses un peu vagues sur la gestion de conflit.',
        'Très motivé·e par le projet.', 'Exercice réussi en vingt minutes.',
        'Manque d’expérience en équipe distribuée.']),
    ('interview', 'en', ARRAY[
        'Technically solid, speaks with ease.', 'Rather vague on handling conflict.',
        'Truly keen on the mission.', 'Solved the exercise in twenty minutes.',
        'Little experience of distributed teams.']),
    ('summary', 'fr', ARRAY[
        'Objectifs atteints, une belle progression.', 'Année contrastée, un plan de formation est prévu.',
        'Dépasse les attentes sur tous les plans.', 'Bonne intégration dans l’équipe.']),
    ('summary', 'en', ARRAY[
        'Goals met, visible growth.', 'A mixed year; a training plan is agreed.',
        'Exceeds expectations throughout.', 'Has settled well into the team.']);

-- A text in one of the languages of the organisation.
CREATE FUNCTION pg_temp.some_text(topic text, languages text[], seed text) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT pg_temp.one_of(seed, VARIADIC t.choices)
    FROM demo_text t
    WHERE t.topic = some_text.topic
      AND t.language = pg_temp.one_of(seed || ':language', VARIADIC languages)
$$;

-- ---------------------------------------------------------------------------------------------------
-- Organisations and people
-- ---------------------------------------------------------------------------------------------------

INSERT INTO public.organizations (id, name, slug, plan, locale, created_at) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'Aurore', 'aurore', 'enterprise', 'fr-FR', now() - interval '180 days'),
    ('b0000000-0000-4000-8000-000000000002', 'Boréal', 'boreal', 'team', 'fr-CA', now() - interval '178 days'),
    ('c0000000-0000-4000-8000-000000000003', 'Cobalt', 'cobalt', 'team', 'en-GB', now() - interval '175 days');

INSERT INTO public.profiles (id, organization_id, manager_id, role, full_name, email, job_title, department,
    locale, skills, hired_on, presence, last_seen_at, created_at, updated_at)
SELECT
    pg_temp.member(o.slug, i.n),
    o.id,
    CASE
        WHEN i.n = 1 THEN NULL
        WHEN i.n <= 4 THEN pg_temp.member(o.slug, 1)
        ELSE pg_temp.member(o.slug, 2 + i.n % 3)
    END,
    (CASE WHEN i.n = 1 THEN 'admin' WHEN i.n <= 4 THEN 'manager' ELSE 'employee' END)::public.member_role,
    m.full_name,
    format('%s@%s.example', pg_temp.ascii(m.full_name), o.slug),
    j.title,
    j.department,
    CASE pg_temp.one_of('locale:' || m.full_name, VARIADIC o.languages) WHEN 'fr' THEN 'fr-FR' ELSE 'en-GB' END,
    ARRAY(
        SELECT skill
        FROM unnest('{sourcing,SQL,coaching,paie,droit social,négociation,analytics,Rust,people ops}'::text[]) skill
        WHERE pg_temp.fraction(skill || m.full_name) < 0.3
    ),
    current_date - pg_temp.pick('hired:' || m.full_name, 2500),
    pg_temp.one_of('presence:' || m.full_name, 'online', 'away', 'offline', 'offline')::public.presence,
    pg_temp.days_ago('seen:' || m.full_name, 7),
    now() - interval '170 days',
    pg_temp.days_ago('seen:' || m.full_name, 7)
FROM demo_org o
JOIN (VALUES
    ('aurore', ARRAY[
        'Zoé Marchand', 'Émile Lefèvre', 'Inès Benali', 'François Garçon', 'Aurélie Dumoulin', 'Loïc Kerguélen',
        'Maëlle Rivière', 'Théo Castaño', 'Chloé d’Almeida', 'Raphaël Noël', 'Amélie Brûlé', 'Gaël Le Goff',
        'Noémie Château', 'Jérôme Pâris', 'Anaïs Müller', 'Cédric Lévêque', 'Léa Fontaine', 'Mickaël Bœuf',
        'Océane Prévost', 'Yacine Haddad', 'Élodie Grâce', 'Sébastien Roux', 'Hélène Vásquez', 'Nguyễn Thị Lan']),
    ('boreal', ARRAY[
        'Maude Tremblay', 'Étienne Bélanger', 'Sophie O''Neill', 'Félix Gagné', 'Aïcha Diallo', 'Liam MacDonald',
        'Geneviève Côté', 'Søren Lindqvist', 'Josée Bérubé', 'Ravi Krishnan', 'Mélanie Thériault', 'Owen Clarke',
        'Frédérique Dubé', 'Thomas Pépin', 'Naïma Cissé', 'Charlotte Levasseur', 'Hugo Lachance', 'Emma Fraser',
        'Benoît Séguin', 'Łucja Wójcik']),
    ('cobalt', ARRAY[
        'Grace Whitfield', 'Oliver Hughes', 'Priya Raman', 'Daniel O''Connor', 'Zuzana Šimková', 'Mohammed Iqbal',
        'Hannah Brandt', 'Lucía Fernández', 'Jack Penrose', 'Amara Okafor', 'Tomás Nogueira', 'Freya Ashworth',
        'Kenji Watanabe', 'Siân Llewellyn', 'George Barlow', 'Ayşe Yıldız'])
) AS names (slug, people) USING (slug)
CROSS JOIN LATERAL unnest(names.people) WITH ORDINALITY AS m (full_name, ord)
CROSS JOIN LATERAL (SELECT m.ord::integer AS n) AS i
CROSS JOIN LATERAL (
    SELECT split_part(t.pair, '|', 1) AS title, split_part(t.pair, '|', 2) AS department
    FROM (SELECT (CASE WHEN o.slug = 'cobalt' THEN ARRAY[
            'Chief people officer|People', 'Head of talent|Talent', 'Engineering manager|Engineering',
            'Head of sales|Sales', 'Recruiter|Talent', 'Software engineer|Engineering', 'Account executive|Sales',
            'People partner|People', 'Data analyst|Engineering', 'Payroll specialist|People']
        ELSE ARRAY[
            'Directrice des ressources humaines|RH', 'Responsable du recrutement|Recrutement',
            'Responsable technique|Ingénierie', 'Responsable des ventes|Ventes', 'Chargé·e de recrutement|Recrutement',
            'Développeur·se|Ingénierie', 'Ingénieur·e d’affaires|Ventes', 'Gestionnaire RH|RH',
            'Analyste de données|Ingénierie', 'Gestionnaire de paie|RH']
        END)[CASE WHEN i.n <= 4 THEN i.n ELSE 5 + (i.n - 5) % 6 END] AS pair) t
) AS j;

-- ---------------------------------------------------------------------------------------------------
-- Goals. A goal has a level between 0 and 1; its key results lie around it.
-- ---------------------------------------------------------------------------------------------------

CREATE TEMPORARY TABLE demo_goal AS
SELECT
    md5(format('goal:%s:%s', o.slug, i.n))::uuid AS id,
    o.id AS organization_id, o.slug, o.languages, o.members, i.n, seed.seed,
    s.status,
    CASE s.status WHEN 'completed' THEN 1 WHEN 'draft' THEN 0
        WHEN 'at_risk' THEN 0.4 * pg_temp.fraction('level:' || seed)
        ELSE 0.9 * pg_temp.fraction('level:' || seed) END AS level,
    pg_temp.days_ago('created:' || seed, 175) AS created_at
FROM demo_org o
CROSS JOIN LATERAL generate_series(1, o.goals) AS i (n)
CROSS JOIN LATERAL (SELECT format('goal:%s:%s', o.slug, i.n) AS seed) AS seed
CROSS JOIN LATERAL (
    SELECT pg_temp.one_of('status:' || seed, 'draft', 'active', 'active', 'active', 'active', 'at_risk', 'at_risk',
        'completed', 'completed', 'cancelled') AS status
) AS s;

-- The first five goals of an organisation are the ones that the others serve.
INSERT INTO public.goals (id, organization_id, owner_id, parent_goal_id, title, description, period, status,
    tags, starts_on, due_on, created_at, updated_at)
SELECT
    g.id, g.organization_id,
    pg_temp.member(g.slug, pg_temp.pick('owner:' || g.seed, CASE WHEN g.n <= 5 THEN 4 ELSE g.members END)),
    CASE WHEN g.n > 5 AND pg_temp.fraction('parent:' || g.seed) < 0.6
        THEN md5(format('goal:%s:%s', g.slug, pg_temp.pick('which:' || g.seed, 5)))::uuid END,
    pg_temp.some_text('goal', g.languages, 'title:' || g.seed)
        || CASE WHEN g.languages = '{en}' THEN ' · Q' ELSE ' · T' END || (1 + g.n % 4),
    nullif(pg_temp.one_of('description:' || g.seed, '', 'OKR ' || extract(year FROM g.created_at),
        'Voir le compte rendu du comité.', 'Agreed at the offsite.'), ''),
    CASE WHEN g.n <= 5 THEN 'annual' ELSE pg_temp.one_of('period:' || g.seed, 'quarterly', 'semi_annual') END,
    g.status::public.goal_status,
    ARRAY(
        SELECT tag FROM unnest('{RH,équipe,qualité,budget,DEI,tech}'::text[]) tag
        WHERE pg_temp.fraction(tag || g.seed) < 0.25
    ),
    g.created_at::date,
    g.created_at::date + CASE WHEN g.n <= 5 THEN 365 ELSE 90 END,
    g.created_at,
    g.created_at
FROM demo_goal g;

INSERT INTO public.key_results (id, goal_id, title, unit, start_value, target_value, current_value, weight,
    created_at, updated_at)
SELECT
    md5(k.seed)::uuid, k.goal_id, t.title, t.unit, t.start_value, t.target_value,
    round(t.start_value + (t.target_value - t.start_value)
        * least(1, greatest(0, k.level + CASE WHEN k.level IN (0, 1) THEN 0
            ELSE 0.4 * (pg_temp.fraction('value:' || k.seed) - 0.5) END))::numeric, 1),
    pg_temp.pick('weight:' || k.seed, 3),
    k.created_at,
    k.created_at + (now() - k.created_at) * pg_temp.fraction('updated:' || k.seed)
FROM (
    SELECT g.id AS goal_id, g.level, g.created_at, format('key_result:%s:%s:%s', g.slug, g.n, i.n) AS seed,
        -- The same choice as for the goal's title.
        pg_temp.one_of('title:' || g.seed || ':language', VARIADIC g.languages) AS language,
        -- Neighbours in the list of titles, so that a goal never has one twice.
        (pg_temp.pick('first:' || g.seed, 7) + i.n) % 7 AS title_number
    FROM demo_goal g
    CROSS JOIN LATERAL generate_series(1, 1 + pg_temp.pick('results:' || g.seed, 3)) AS i (n)
) AS k
JOIN (VALUES
    ('fr', 0, 'Délai moyen d’embauche', 'jours', 62, 35),
    ('fr', 1, 'Entretiens menés', '#', 0, 120),
    ('fr', 2, 'Satisfaction des équipes', '%', 61, 80),
    ('fr', 3, 'Départs volontaires', '%', 14, 8),
    ('fr', 4, 'Managers formés', '#', 0, 40),
    ('fr', 5, 'Part des femmes dans l’encadrement', '%', 31, 45),
    ('fr', 6, 'Économies réalisées', 'k€', 0, 250),
    ('en', 0, 'Average time to hire', 'days', 58, 30),
    ('en', 1, 'Interviews held', '#', 0, 150),
    ('en', 2, 'Employee net promoter score', 'points', 12, 40),
    ('en', 3, 'Voluntary attrition', '%', 16, 9),
    ('en', 4, 'Managers trained', '#', 0, 25),
    ('en', 5, 'Women in leadership', '%', 28, 45),
    ('en', 6, 'Savings', 'k£', 0, 180)
) AS t (language, number, title, unit, start_value, target_value)
    ON t.language = k.language AND t.number = k.title_number;

UPDATE public.goals g
SET progress = k.progress, updated_at = k.updated_at
FROM (
    SELECT goal_id, sum(progress * weight) / sum(weight) AS progress, max(updated_at) AS updated_at
    FROM public.key_results
    GROUP BY goal_id
) AS k
WHERE k.goal_id = g.id;

INSERT INTO public.goal_collaborators (goal_id, profile_id, role, added_at)
SELECT DISTINCT ON (1, 2)
    g.id,
    pg_temp.member(g.slug, pg_temp.pick(format('who:%s:%s', g.seed, i.n), g.members)),
    pg_temp.one_of(format('as:%s:%s', g.seed, i.n), 'contributor', 'contributor', 'reviewer', 'observer'),
    g.created_at + i.n * interval '2 hours'
FROM demo_goal g
CROSS JOIN LATERAL generate_series(1, pg_temp.pick('collaborators:' || g.seed, 5) - 1) AS i (n)
ORDER BY 1, 2, i.n;

-- ---------------------------------------------------------------------------------------------------
-- Recruitment. The last two postings of an organisation are drafts, without candidates.
-- ---------------------------------------------------------------------------------------------------

INSERT INTO public.job_postings (id, organization_id, hiring_manager_id, title, description, department, location,
    remote, contract, salary_min, salary_max, currency, openings, tags, status, published_at, closes_on,
    created_at, updated_at)
SELECT
    md5(s.seed)::uuid, o.id, pg_temp.member(o.slug, 2 + i.n % 3),
    t.title,
    CASE WHEN t.language = 'fr'
        THEN format('Rejoignez l’équipe %s : un poste à responsabilités, des collègues bienveillants.', t.department)
        ELSE format('Join the %s team: real ownership, kind colleagues.', t.department) END,
    t.department,
    CASE o.slug
        WHEN 'aurore' THEN pg_temp.one_of('city:' || s.seed, 'Paris', 'Nîmes', 'Besançon', 'Saint-Étienne')
        WHEN 'boreal' THEN pg_temp.one_of('city:' || s.seed, 'Montréal', 'Québec', 'Trois-Rivières', 'Ottawa')
        ELSE pg_temp.one_of('city:' || s.seed, 'London', 'Zürich', 'Kraków', 'Edinburgh') END,
    pg_temp.fraction('remote:' || s.seed) < 0.4,
    pg_temp.one_of('contract:' || s.seed, 'permanent', 'permanent', 'permanent', 'fixed_term', 'internship'),
    t.salary, t.salary + 1000 * (4 + pg_temp.pick('range:' || s.seed, 12)),
    CASE o.slug WHEN 'aurore' THEN 'EUR' WHEN 'boreal' THEN 'CAD' ELSE 'GBP' END,
    pg_temp.pick('openings:' || s.seed, 3),
    ARRAY[lower(t.department), pg_temp.one_of('tag:' || s.seed, 'urgent', 'référent', 'senior', 'junior')],
    CASE WHEN i.n > o.postings - 2 THEN 'draft'
        ELSE pg_temp.one_of('status:' || s.seed, 'open', 'open', 'open', 'paused', 'closed') END,
    CASE WHEN i.n <= o.postings - 2 THEN s.created_at + interval '1 day' END,
    s.created_at::date + 120,
    s.created_at,
    s.created_at + interval '1 day'
FROM demo_org o
CROSS JOIN LATERAL generate_series(1, o.postings) AS i (n)
CROSS JOIN LATERAL (SELECT format('posting:%s:%s', o.slug, i.n) AS seed) AS x
CROSS JOIN LATERAL (
    SELECT x.seed, now() - interval '30 days' - 140 * interval '1 day' * pg_temp.fraction('created:' || x.seed)
        AS created_at
) AS s
JOIN (VALUES
    ('fr', 0, 'Développeur·se back-end Rust', 'Ingénierie', 48000),
    ('fr', 1, 'Administrateur·rice de bases de données', 'Ingénierie', 52000),
    ('fr', 2, 'Chargé·e de recrutement', 'Recrutement', 36000),
    ('fr', 3, 'Gestionnaire de paie', 'RH', 34000),
    ('fr', 4, 'Ingénieur·e d’affaires', 'Ventes', 42000),
    ('fr', 5, 'Chef·fe de projet SIRH', 'RH', 45000),
    ('en', 0, 'Backend engineer (Rust)', 'Engineering', 62000),
    ('en', 1, 'Database administrator', 'Engineering', 65000),
    ('en', 2, 'Talent acquisition partner', 'Talent', 44000),
    ('en', 3, 'Payroll specialist', 'People', 40000),
    ('en', 4, 'Account executive', 'Sales', 50000),
    ('en', 5, 'Site reliability engineer', 'Engineering', 68000)
) AS t (language, number, title, department, salary)
    ON t.number = i.n % 6 AND t.language = o.languages[1 + i.n % cardinality(o.languages)];

-- 33 first names and 37 last names: the two lengths have no common factor, so walking both lists at once
-- gives 1,221 different full names before it repeats, and the offsets give every organisation its own.
INSERT INTO public.candidates (id, organization_id, job_posting_id, recruiter_id, first_name, last_name, email,
    phone, stage, source, score, expected_salary, skills, resume, available_on, applied_at, updated_at)
SELECT
    md5(s.seed)::uuid, o.id, p.id,
    CASE WHEN pg_temp.fraction('recruiter?' || s.seed) < 0.9
        THEN pg_temp.member(o.slug, pg_temp.pick('recruiter:' || s.seed, o.members)) END,
    s.first_name, s.last_name,
    format('%s.%s@courriel.example', coalesce(nullif(pg_temp.ascii(s.last_name), ''), 'candidat'),
        substr(md5(s.seed), 1, 5)),
    CASE WHEN pg_temp.fraction('phone?' || s.seed) < 0.7
        THEN format('+33 6 %s', to_char(10000000 + pg_temp.pick('phone:' || s.seed, 89999999), 'FM00 00 00 00')) END,
    s.stage::public.candidate_stage,
    pg_temp.one_of('source:' || s.seed, 'career_site', 'career_site', 'referral', 'job_board', 'job_board', 'agency'),
    CASE WHEN s.stage <> 'applied' THEN 30 + pg_temp.pick('score:' || s.seed, 70) END,
    p.salary_min + 500 * pg_temp.pick('expects:' || s.seed, 20),
    ARRAY(
        SELECT skill
        FROM unnest('{PostgreSQL,Rust,paie,SIRH,négociation,anglais,español,Kubernetes,Excel}'::text[]) skill
        WHERE pg_temp.fraction(skill || s.seed) < 0.35
    ),
    jsonb_build_object(
        'years', pg_temp.pick('years:' || s.seed, 20),
        'education', pg_temp.one_of('school:' || s.seed, 'Master', 'Licence', 'École d’ingénieurs', 'BSc',
            'Autodidacte'),
        'languages', to_jsonb(o.languages),
        'last_employer', jsonb_build_object('name', pg_temp.one_of('employer:' || s.seed, 'Ateliers Dürer',
            'Crédit du Léman', 'Northwind', 'Café Noir & Fils', 'Hôpital Saint-Roch'), 'left', NULL)),
    current_date + pg_temp.pick('available:' || s.seed, 90),
    s.applied_at,
    s.applied_at + (now() - s.applied_at) * 0.8 * pg_temp.fraction('updated:' || s.seed)
FROM demo_org o
CROSS JOIN LATERAL generate_series(1, o.candidates) AS i (n)
CROSS JOIN LATERAL (SELECT format('candidate:%s:%s', o.slug, i.n) AS seed) AS x
JOIN public.job_postings p
    ON p.id = md5(format('posting:%s:%s', o.slug, pg_temp.pick('posting:' || x.seed, o.postings - 2)))::uuid
CROSS JOIN (VALUES (
    ARRAY['Camille', 'Léo', 'Chloé', 'Noé', 'Élise', 'Jules', 'Inès', 'Zakaria', 'Agnès', 'Maël', 'Olivia', 'Harry',
        'Aiko', 'Søren', 'José', 'Fatou', 'Łukasz', 'Björn', 'Niamh', 'Χαρίκλεια', 'Дмитро', '美咲', 'Jean-Baptiste',
        'Ngọc', 'Renée', 'Iñaki', 'Yasmîn', 'Margaux', 'Gwenaël', 'Tiago', 'Ada', 'Wei', 'Zsófia'],
    ARRAY['Moreau', 'Lefèvre', 'García', 'Petit', 'N’Diaye', 'Durand', 'O''Brien', 'Müller', 'Bélanger', 'Kowalczyk',
        'Nguyễn', 'Brontë', 'Sørensen', 'D’Angelo', 'Chevalier', 'Çelik', 'Papadopoulos', 'Шевченко', '山田',
        'Le Bihan', 'Özdemir', 'Smith', 'Fournier', 'Hernández', 'Guérin', 'Johnson', 'Vandenbroucke', 'Åkesson',
        'Rousseau', 'Amrani', 'Patel', 'Lemaître', 'Saint-Exupéry', 'Taylor', 'Quéméner', 'Bauer', 'Mbappé-Roy']
)) AS names (first, last)
CROSS JOIN LATERAL (
    SELECT x.seed,
        names.first[1 + k % 33] AS first_name,
        names.last[1 + k % 37] AS last_name,
        pg_temp.one_of('stage:' || x.seed, 'applied', 'applied', 'applied', 'screening', 'screening', 'interview',
            'interview', 'interview', 'assessment', 'offer', 'hired', 'rejected', 'rejected') AS stage,
        p.published_at + (now() - p.published_at) * pg_temp.fraction('applied:' || x.seed) AS applied_at
    FROM (SELECT (i.n + CASE o.slug WHEN 'aurore' THEN 0 WHEN 'boreal' THEN 200 ELSE 400 END) * 7 AS k) AS y
) AS s;

-- Working hours, UTC. What lies in the past has taken place, or not.
INSERT INTO public.interviews (id, organization_id, candidate_id, interviewer_id, kind, status, scheduled_at,
    duration_minutes, location, rating, feedback, created_at, updated_at)
SELECT
    md5(s.seed)::uuid, c.organization_id, c.id,
    pg_temp.member(o.slug, pg_temp.pick('interviewer:' || s.seed, o.members)),
    s.kind, s.status, s.scheduled_at,
    CASE s.kind WHEN 'phone' THEN 30 WHEN 'technical' THEN 90 ELSE 45 END,
    CASE s.kind WHEN 'phone' THEN NULL WHEN 'video' THEN 'https://visio.example/' || substr(md5(s.seed), 1, 8)
        ELSE pg_temp.one_of('room:' || s.seed, 'Salle Molière', 'Salle Curie', 'Room Brontë') END,
    CASE s.status WHEN 'completed' THEN pg_temp.pick('rating:' || s.seed, 5) END,
    CASE s.status WHEN 'completed' THEN pg_temp.some_text('interview', o.languages, 'feedback:' || s.seed) END,
    s.created_at,
    CASE WHEN s.scheduled_at < now() THEN least(now(), s.scheduled_at + interval '3 hours') ELSE s.created_at END
FROM public.candidates c
JOIN demo_org o ON o.id = c.organization_id
CROSS JOIN LATERAL generate_series(1, CASE c.stage
    WHEN 'applied' THEN 0 WHEN 'screening' THEN 1 WHEN 'rejected' THEN 1 WHEN 'interview' THEN 2 ELSE 3 END) AS i (n)
CROSS JOIN LATERAL (
    SELECT x.*,
        CASE WHEN x.scheduled_at > now() THEN 'scheduled'
            ELSE pg_temp.one_of('status:' || x.seed, 'completed', 'completed', 'completed', 'completed', 'completed',
                'completed', 'cancelled', 'no_show') END AS status
    FROM (
        SELECT seed,
            ('{phone,video,technical}'::text[])[i.n] AS kind,
            least(now(), c.applied_at + i.n * interval '3 days') AS created_at,
            date_trunc('day', c.applied_at, 'UTC') + i.n * interval '6 days'
                + interval '15 minutes' * (32 + pg_temp.pick('slot:' || seed, 36)) AS scheduled_at
        FROM (SELECT format('interview:%s:%s', c.id, i.n) AS seed) AS w
    ) AS x
) AS s;

INSERT INTO public.candidate_notes (id, organization_id, candidate_id, author_id, body, visibility, pinned,
    created_at, updated_at)
SELECT
    md5(s.seed)::uuid, c.organization_id, c.id,
    pg_temp.member(o.slug, pg_temp.pick('author:' || s.seed, o.members)),
    pg_temp.some_text('note', o.languages, 'body:' || s.seed),
    pg_temp.one_of('visibility:' || s.seed, 'team', 'team', 'team', 'private'),
    pg_temp.fraction('pinned:' || s.seed) < 0.05,
    s.created_at, s.created_at
FROM public.candidates c
JOIN demo_org o ON o.id = c.organization_id
CROSS JOIN LATERAL generate_series(1, pg_temp.pick('notes:' || c.id, 4) - 1) AS i (n)
CROSS JOIN LATERAL (
    SELECT seed, c.applied_at + (now() - c.applied_at) * pg_temp.fraction('created:' || seed) AS created_at
    FROM (SELECT format('note:%s:%s', c.id, i.n) AS seed) AS x
) AS s;

-- ---------------------------------------------------------------------------------------------------
-- Performance: two cycles, everybody but the admin reviewed by the manager.
-- ---------------------------------------------------------------------------------------------------

INSERT INTO public.performance_reviews (id, organization_id, reviewee_id, reviewer_id, cycle, status,
    overall_rating, summary, due_on, submitted_at, created_at, updated_at)
SELECT
    md5(s.seed)::uuid, p.organization_id, p.id, p.manager_id, c.cycle, s.status,
    CASE WHEN s.status <> 'draft' THEN 2 + round((3 * pg_temp.fraction('rating:' || s.seed))::numeric, 2) END,
    CASE WHEN s.status <> 'draft' THEN pg_temp.some_text('summary', o.languages, 'summary:' || s.seed) END,
    (now() - c.age + interval '45 days')::date,
    CASE WHEN s.status <> 'draft' THEN now() - c.age / 2 END,
    now() - c.age,
    now() - CASE WHEN s.status <> 'draft' THEN c.age / 2 ELSE c.age END
FROM public.profiles p
JOIN demo_org o ON o.id = p.organization_id
CROSS JOIN (VALUES ('annual', interval '160 days'), ('mid-year', interval '40 days')) AS c (cycle, age)
CROSS JOIN LATERAL (
    SELECT seed,
        CASE WHEN c.cycle = 'annual' THEN 'acknowledged'
            ELSE pg_temp.one_of('status:' || seed, 'draft', 'draft', 'submitted', 'acknowledged') END AS status
    FROM (SELECT format('review:%s:%s', p.id, c.cycle) AS seed) AS x
) AS s
WHERE p.manager_id IS NOT NULL;

INSERT INTO public.performance_ratings (id, review_id, criterion, rating, comment, created_at, updated_at)
SELECT
    md5(s.seed)::uuid, r.id, k.criterion, pg_temp.pick('rating:' || s.seed, 4) + 1,
    nullif(pg_temp.one_of('comment:' || s.seed, '', '', 'En progrès.', 'Très à l’aise.', 'Keep going!'), ''),
    r.updated_at, r.updated_at
FROM public.performance_reviews r
CROSS JOIN unnest('{quality,collaboration,autonomy,communication,initiative}'::text[]) AS k (criterion)
CROSS JOIN LATERAL (SELECT format('rating:%s:%s', r.id, k.criterion) AS seed) AS s;

INSERT INTO public.peer_feedback (id, organization_id, author_id, recipient_id, kind, message, confidential,
    created_at)
SELECT
    md5(s.seed)::uuid, o.id,
    pg_temp.member(o.slug, s.author),
    -- Anybody but the author.
    pg_temp.member(o.slug, 1 + (s.author - 1 + pg_temp.pick('recipient:' || s.seed, o.members - 1)) % o.members),
    pg_temp.one_of('kind:' || s.seed, 'praise', 'suggestion', 'thanks'),
    pg_temp.some_text('feedback', o.languages, 'message:' || s.seed),
    pg_temp.fraction('confidential:' || s.seed) < 0.25,
    pg_temp.days_ago('created:' || s.seed, 170)
FROM demo_org o
CROSS JOIN LATERAL generate_series(1, 3 * o.members) AS i (n)
CROSS JOIN LATERAL (
    SELECT seed, pg_temp.pick('author:' || seed, o.members) AS author
    FROM (SELECT format('feedback:%s:%s', o.slug, i.n) AS seed) AS x
) AS s;

-- ---------------------------------------------------------------------------------------------------
-- Component registry: ten public components, ten of every organisation.
-- ---------------------------------------------------------------------------------------------------

INSERT INTO public.registry_components (id, organization_id, name, kind, description, version, props, keywords,
    created_at, updated_at)
SELECT
    md5(s.seed)::uuid, o.id, k.name || coalesce('-' || o.slug, ''), k.kind, k.description,
    format('1.%s.0', pg_temp.pick('version:' || s.seed, 6)),
    jsonb_build_object('size', pg_temp.one_of('size:' || s.seed, 'sm', 'md', 'lg'),
        'themes', '["clair", "dark"]'::jsonb),
    ARRAY[k.kind, pg_temp.one_of('keyword:' || s.seed, 'accessible', 'animé', 'server', 'mobile')],
    now() - interval '150 days', pg_temp.days_ago('updated:' || s.seed, 140)
FROM (SELECT id, slug FROM demo_org UNION ALL SELECT NULL, NULL) AS o
CROSS JOIN (VALUES
    ('goal-card', 'ui', 'Carte d’objectif avec sa jauge'),
    ('kanban-board', 'block', 'The recruitment pipeline in columns'),
    ('use-realtime-query', 'hook', 'Invalidates a query when a row changes'),
    ('review-form', 'block', 'Formulaire d’évaluation'),
    ('presence-dot', 'ui', 'Who is online, at a glance'),
    ('org-chart', 'block', 'Organigramme repliable'),
    ('career-page', 'template', 'A career site in one template'),
    ('date-range', 'ui', 'Sélecteur de période'),
    ('use-debounce', 'hook', 'Calls a function once things are quiet'),
    ('feedback-wall', 'block', 'Mur de remerciements')
) AS k (name, kind, description)
CROSS JOIN LATERAL (SELECT format('component:%s:%s', o.slug, k.name) AS seed) AS s;

INSERT INTO public.registry_builds (id, organization_id, component_id, triggered_by, version, commit_sha, status,
    size_bytes, steps, queued_at, started_at, finished_at)
SELECT
    md5(s.seed)::uuid, o.id, c.id, pg_temp.member(o.slug, pg_temp.pick('by:' || s.seed, o.members)),
    format('1.%s.%s', pg_temp.pick('minor:' || s.seed, 6), i.n), md5(s.seed) || substr(md5('sha:' || s.seed), 1, 8),
    s.status,
    CASE s.status WHEN 'succeeded' THEN 4000 + pg_temp.pick('size:' || s.seed, 900000) END,
    jsonb_build_array(
        jsonb_build_object('name', 'lint', 'ms', pg_temp.pick('lint:' || s.seed, 4000)),
        jsonb_build_object('name', 'bundle', 'ms', pg_temp.pick('bundle:' || s.seed, 20000))),
    s.queued_at, s.queued_at + interval '4 seconds',
    s.queued_at + interval '5 seconds' + interval '1 second' * pg_temp.pick('took:' || s.seed, 90)
FROM public.registry_components c
-- A public component is built by Aurore, which maintains it.
JOIN demo_org o ON o.id = coalesce(c.organization_id, 'a0000000-0000-4000-8000-000000000001')
CROSS JOIN generate_series(1, 5) AS i (n)
CROSS JOIN LATERAL (
    SELECT seed, pg_temp.one_of('status:' || seed, 'succeeded', 'succeeded', 'succeeded', 'failed') AS status,
        pg_temp.days_ago('queued:' || seed, 140) AS queued_at
    FROM (SELECT format('build:%s:%s', c.id, i.n) AS seed) AS x
) AS s;

INSERT INTO public.registry_publications (id, organization_id, component_id, version, channel, notes, downloads,
    published_at)
SELECT
    md5(s.seed)::uuid, c.organization_id, c.id, format('1.%s.0', i.n),
    CASE WHEN i.n < 3 THEN 'stable' ELSE pg_temp.one_of('channel:' || s.seed, 'stable', 'beta', 'canary') END,
    pg_temp.one_of('notes:' || s.seed, 'Corrections d’accessibilité.', 'Bug fixes.', 'Nouvelles couleurs 🎨'),
    pg_temp.pick('downloads:' || s.seed, CASE WHEN c.organization_id IS NULL THEN 90000 ELSE 900 END),
    now() - interval '140 days' + i.n * interval '40 days'
FROM public.registry_components c
CROSS JOIN generate_series(1, 3) AS i (n)
CROSS JOIN LATERAL (SELECT format('publication:%s:%s', c.id, i.n) AS seed) AS s;

-- ---------------------------------------------------------------------------------------------------
-- AI agents
-- ---------------------------------------------------------------------------------------------------

INSERT INTO public.agent_activities (id, organization_id, requested_by, agent, action, status, confidence, tokens,
    details, started_at, finished_at)
SELECT
    md5(s.seed)::uuid, o.id,
    CASE WHEN pg_temp.fraction('asked?' || s.seed) < 0.7
        THEN pg_temp.member(o.slug, pg_temp.pick('asked:' || s.seed, o.members)) END,
    k.agent, k.action,
    s.status,
    round(pg_temp.fraction('confidence:' || s.seed)::numeric, 3),
    pg_temp.pick('tokens:' || s.seed, 6000),
    jsonb_build_object('langue', pg_temp.one_of('language:' || s.seed, VARIADIC o.languages),
        'attempt', pg_temp.pick('attempt:' || s.seed, 3)),
    s.started_at,
    CASE WHEN s.status <> 'running' THEN s.started_at + interval '1 second' * pg_temp.pick('took:' || s.seed, 240) END
FROM demo_org o
CROSS JOIN LATERAL generate_series(1, 10 * o.members) AS i (n)
CROSS JOIN LATERAL (
    SELECT seed, pg_temp.one_of('status:' || seed, 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'failed',
        'running') AS status,
        pg_temp.days_ago('started:' || seed, CASE WHEN i.n <= 5 THEN 0.02 ELSE 170 END) AS started_at
    FROM (SELECT format('activity:%s:%s', o.slug, i.n) AS seed) AS x
) AS s
JOIN (VALUES
    (1, 'recruiter-copilot', 'Tri des candidatures'), (2, 'recruiter-copilot', 'Résumé d’entretien'),
    (3, 'goal-coach', 'Suggest key results'), (4, 'review-writer', 'Draft a review'),
    (5, 'payroll-auditor', 'Contrôle des écarts de paie'), (6, 'goal-coach', 'Détection des objectifs en retard')
) AS k (number, agent, action) ON k.number = pg_temp.pick('action:' || s.seed, 6);

INSERT INTO public.agent_communications (id, organization_id, activity_id, from_agent, to_agent, kind, priority,
    content, sent_at, read_at)
SELECT
    md5(s.seed)::uuid, a.organization_id, a.id,
    CASE WHEN i.n = 1 THEN a.agent ELSE 'orchestrator' END,
    CASE WHEN i.n = 1 THEN 'orchestrator' ELSE a.agent END,
    CASE WHEN i.n = 1 THEN pg_temp.one_of('kind:' || s.seed, 'request', 'handoff') ELSE 'response' END,
    pg_temp.pick('priority:' || s.seed, 5),
    jsonb_build_object('sujet', a.action, 'ok', i.n = 2),
    a.started_at + i.n * interval '3 seconds',
    a.started_at + i.n * interval '5 seconds'
FROM public.agent_activities a
CROSS JOIN generate_series(1, 2) AS i (n)
CROSS JOIN LATERAL (SELECT format('communication:%s:%s', a.id, i.n) AS seed) AS s
WHERE pg_temp.fraction('talks:' || a.id) < 0.4;

-- ---------------------------------------------------------------------------------------------------
-- Integrations
-- ---------------------------------------------------------------------------------------------------

INSERT INTO public.integrations (id, organization_id, provider, settings, created_at)
SELECT md5(format('integration:%s:%s', o.slug, k.provider))::uuid, o.id, k.provider,
    jsonb_build_object('every_minutes', k.every), now() - interval '160 days'
FROM demo_org o
CROSS JOIN (VALUES ('calendar', 15), ('payroll', 1440), ('job-board', 60)) AS k (provider, every);

INSERT INTO public.integration_sync_logs (id, organization_id, integration_id, direction, status, records_synced,
    error, started_at, finished_at)
SELECT
    md5(s.seed)::uuid, g.organization_id, g.id, pg_temp.one_of('direction:' || s.seed, 'pull', 'pull', 'push'),
    s.status,
    CASE s.status WHEN 'failed' THEN 0 ELSE pg_temp.pick('records:' || s.seed, 400) END,
    CASE s.status WHEN 'failed' THEN jsonb_build_object('code', 503, 'message', 'Service indisponible') END,
    s.started_at, s.started_at + interval '0.1 second' * pg_temp.pick('took:' || s.seed, 600)
FROM public.integrations g
CROSS JOIN generate_series(1, 35) AS i (n)
CROSS JOIN LATERAL (
    SELECT seed, pg_temp.one_of('status:' || seed, 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'partial',
        'failed') AS status,
        pg_temp.days_ago('started:' || seed, 155) AS started_at
    FROM (SELECT format('sync:%s:%s', g.id, i.n) AS seed) AS x
) AS s;

-- A session of a connection pool may go on with something else.
DROP TABLE demo_org, demo_text, demo_goal CASCADE;
DROP FUNCTION pg_temp.some_text, pg_temp.ascii, pg_temp.member, pg_temp.days_ago, pg_temp.one_of, pg_temp.pick,
    pg_temp.fraction;

ANALYZE public.organizations, public.profiles, public.goals, public.key_results, public.goal_collaborators,
    public.job_postings, public.candidates, public.interviews, public.candidate_notes, public.performance_reviews,
    public.performance_ratings, public.peer_feedback, public.registry_components, public.registry_builds,
    public.registry_publications, public.agent_activities, public.agent_communications, public.integrations,
    public.integration_sync_logs;
