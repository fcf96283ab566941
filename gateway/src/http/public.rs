//! The port for clients: what all its routes share.

use axum::extract::Request;
use axum::http::{header, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{middleware, Json, Router};

/// Adds to the routes for clients what they share: CORS, and answers where there is no route.
pub fn router(routes: Router) -> Router {
    routes
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn(cors))
}

async fn not_found() -> Response {
    let text = "There is nothing at this path. WebSockets are at /realtime/v1/websocket.";
    (StatusCode::NOT_FOUND, message(text)).into_response()
}

async fn not_allowed() -> Response {
    let text = "This path does not take this method.";
    (StatusCode::METHOD_NOT_ALLOWED, message(text)).into_response()
}

/// The body of an answer that says something to a developer.
pub fn message(text: &str) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "message": text }))
}

/// Pages of every origin may ask: who they are is in the token, and there are no cookies.
async fn cors(request: Request, next: Next) -> Response {
    let asks = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let wanted = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let mut response = match asks {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
    if asks {
        let methods = HeaderValue::from_static("GET, POST, OPTIONS");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        // A star would not cover Authorization.
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(any));
        let day = HeaderValue::from_static("86400");
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, day);
    } else {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, any);
    }
    response
}
