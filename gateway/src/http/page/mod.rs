//! The page at `/`, where a developer sees what a token receives. Its files are in the program; it loads nothing from
//! elsewhere, and everything that it shows is set as text.

use axum::http::{header, HeaderName};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::Router;

/// A file of the page.
#[derive(Clone, Copy)]
struct File {
    path: &'static str,
    form: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal $form:literal $name:literal;)*) => {
        [$(File { path: $path, form: $form, text: include_str!($name) }),*]
    };
}

const FILES: [File; 16] = files! {
    "/" "text/html" "index.html";
    "/page/style.css" "text/css" "style.css";
    "/page/views.css" "text/css" "views.css";
    "/page/icon.svg" "image/svg+xml" "icon.svg";
    "/page/main.js" "text/javascript" "main.js";
    "/page/api.js" "text/javascript" "api.js";
    "/page/changes.js" "text/javascript" "changes.js";
    "/page/code.js" "text/javascript" "code.js";
    "/page/dom.js" "text/javascript" "dom.js";
    "/page/form.js" "text/javascript" "form.js";
    "/page/frames.js" "text/javascript" "frames.js";
    "/page/meter.js" "text/javascript" "meter.js";
    "/page/phoenix.js" "text/javascript" "phoenix.js";
    "/page/tabs.js" "text/javascript" "tabs.js";
    "/page/token.js" "text/javascript" "token.js";
    "/page/why.js" "text/javascript" "why.js";
};

/// Nothing but the page's own files and its own gateway; no markup is ever made of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The page and its files.
pub fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move || async move { served(*file) }))
    })
}

fn served(file: File) -> impl IntoResponse {
    let headers: [(HeaderName, String); 6] = [
        (
            header::CONTENT_TYPE,
            format!("{}; charset=utf-8", file.form),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_string()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_string()),
        (header::REFERRER_POLICY, "no-referrer".to_string()),
        (header::CACHE_CONTROL, "no-cache".to_string()),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin".to_string(),
        ),
    ];
    (headers, file.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts in quotes behind a mark.
    fn named<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
        let parts = text.split(mark).skip(1);
        parts
            .filter_map(|part| part.split(['"', '\'']).next())
            .collect()
    }

    #[test]
    fn every_file_that_is_named_is_served() {
        let paths: Vec<&str> = FILES.iter().map(|file| file.path).collect();
        for file in FILES {
            let inside = named(file.text, "from './");
            let wanted = inside.iter().map(|name| format!("/page/{name}"));
            let linked = named(file.text, "\"page/");
            let linked = linked.iter().map(|name| format!("/page/{name}"));
            for path in wanted.chain(linked) {
                assert!(paths.contains(&&*path), "{} names {path}", file.path);
            }
        }
        assert!(FILES[0].text.contains("\"page/main.js\""));
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_or_read_as_markup() {
        for file in FILES {
            for forbidden in [
                "https://",
                "//cdn",
                "innerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                " style=\"",
            ] {
                assert!(!file.text.contains(forbidden), "{}: {forbidden}", file.path);
            }
        }
    }
}
