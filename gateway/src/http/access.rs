//! Who asks over plain HTTP: the token of a request, and the answer where there is none that counts.

use super::public::message;
use crate::feed::Who;
use crate::node::{Denied, Node};
use crate::token::{Claims, Refusal};
use axum::http::{header, HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Who asks. `parameter` is `apikey` of the URL, for clients that cannot set headers. Errors: the answer to send.
pub fn admit(
    node: &Node,
    headers: &HeaderMap,
    parameter: Option<&str>,
) -> Result<(Who, Claims), Box<Response>> {
    if node.draining.is_cancelled() {
        return Err(refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is restarting",
        ));
    }
    let token = token(headers, parameter).unwrap_or_default();
    node.admit(token).map_err(|denied| match denied {
        Denied::Token(refusal @ Refusal::Missing) => {
            refused(StatusCode::UNAUTHORIZED, &refusal.at_handshake())
        }
        Denied::Token(refusal) => refused(StatusCode::UNAUTHORIZED, &refusal.text()),
        Denied::Role => refused(
            StatusCode::FORBIDDEN,
            "The role of the token may not read here",
        ),
    })
}

/// A user's token comes before the key of the application, which clients send along.
pub fn token<'a>(headers: &'a HeaderMap, parameter: Option<&'a str>) -> Option<&'a str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (scheme, bearer) = header(header::AUTHORIZATION)
        .and_then(|value| value.trim().split_once(' '))
        .unwrap_or_default();
    Some(bearer.trim())
        .filter(|bearer| scheme.eq_ignore_ascii_case("bearer") && !bearer.is_empty())
        .or_else(|| header(header::HeaderName::from_static("apikey")))
        .or(parameter)
}

fn refused(status: StatusCode, text: &str) -> Box<Response> {
    Box::new((status, message(text)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn found(headers: &[(&'static str, &'static str)], parameter: Option<&str>) -> Option<String> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name = header::HeaderName::from_static(name);
                (name, HeaderValue::from_static(value))
            })
            .collect();
        token(&headers, parameter).map(str::to_string)
    }

    #[test]
    fn the_users_token_comes_before_the_applications_key() {
        let key = ("apikey", "key");
        let both = [("authorization", "Bearer  user "), key];
        assert_eq!(found(&both, Some("url")).as_deref(), Some("user"));
        assert_eq!(found(&[key], Some("url")).as_deref(), Some("key"));
        assert_eq!(found(&[], Some("url")).as_deref(), Some("url"));
        assert_eq!(found(&[], None), None);
    }

    #[test]
    fn another_scheme_is_no_token() {
        let basic = [("authorization", "Basic dTpw"), ("apikey", "key")];
        assert_eq!(found(&basic, None).as_deref(), Some("key"));
        assert_eq!(found(&[("authorization", "Bearer")], None), None);
    }
}
