//! The document as a page: one file, no script, nothing fetched from elsewhere.

use serde_json::{Map, Value};
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1e21}\
    h1,h2{line-height:1.2}h2{margin-top:3rem;border-bottom:2px solid #d8dce2}h3{margin:2.2rem 0 .3rem;font-size:1.05rem}\
    code,pre{font:14px/1.4 ui-monospace,monospace;background:#f3f4f6;border-radius:4px}code{padding:.1em .3em}\
    pre{padding:.8rem;overflow:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}\
    th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #e4e7eb}\
    .m{display:inline-block;min-width:4.2rem;font-weight:700;color:#0b5cad}.muted{color:#5b6470}nav a{display:block}\
    a{color:#0b5cad}@media(prefers-color-scheme:dark){body{background:#15181c;color:#e6e8ea}code,pre{background:#22272e}\
    a,.m{color:#7ab8ff}.muted{color:#9aa4b0}h2,th,td{border-color:#39414b}}";

/// Writes the page.
pub fn page(document: &Value) -> String {
    let title = format!("{} {}", text(&document["info"]["title"]), text(&document["info"]["version"]));
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{}</p><p>{}</p>\
         <p>Programs read the same in <a href=\"/openapi.json\">openapi.json</a>.</p>",
        text(&document["info"]["summary"]),
        code(&text(&document["info"]["description"])),
    );
    html.push_str("<nav>");
    operations(document, |_, method, path, operation| {
        let (id, name) = (text(&operation["operationId"]), method.to_ascii_uppercase());
        let _ = write!(html, "<a href=\"#{id}\"><span class=m>{name}</span> <code>{path}</code></a>");
    });
    html.push_str("</nav>");
    for tag in ["Profiles", "Administration", "The server"] {
        let _ = write!(html, "<h2>{tag}</h2>");
        operations(document, |own, method, path, operation| {
            if own == tag {
                section(&mut html, (document, operation), method, path);
            }
        });
    }
    html.push_str("<h2>Types</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        let about = code(&text(&schema["description"]));
        let _ = write!(html, "<h3 id=\"type-{name}\">{name}</h3><p>{about}</p>{}", members(schema));
    }
    html + "</html>\n"
}

fn operations<'d>(document: &'d Value, mut each: impl FnMut(&str, &'d str, &'d str, &'d Value)) {
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            each(operation["tags"][0].as_str().unwrap_or_default(), method, path, operation);
        }
    }
}

fn section(html: &mut String, (document, operation): (&Value, &Value), method: &str, path: &str) {
    let (id, name) = (text(&operation["operationId"]), method.to_ascii_uppercase());
    let _ = write!(
        html,
        "<h3 id=\"{id}\"><span class=m>{name}</span> <code>{path}</code></h3><p>{}. <span class=muted>{}</span></p>",
        code(&text(&operation["summary"])),
        code(&text(&operation["description"]))
    );
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        let _ = write!(html, "<p>Body: {}</p>", shape(body));
    }
    html.push_str("<table><tr><th>Parameter<th>In<th>");
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let _ = write!(
            html,
            "<tr><td><code>{name}</code><td>{place}<td>{}{}",
            code(&text(&parameter["description"])),
            bounds(parameter["schema"].as_object())
        );
    }
    html.push_str("</table><table><tr><th>Answer<th><th><th>Headers");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let response = resolved(document, response);
        let schema = response["content"].as_object().and_then(|content| content.values().next());
        let shape = schema.map_or(String::new(), |media| shape(&media["schema"]));
        let _ = write!(html, "<tr><td>{status}<td>{}<td>{shape}", code(&text(&response["description"])));
        write_headers(html, document, &response["headers"]);
    }
    html.push_str("</table>");
}

/// The headers of an answer, with what they say where one points at them.
fn write_headers(html: &mut String, document: &Value, headers: &Value) {
    html.push_str("<td>");
    for (name, header) in headers.as_object().into_iter().flatten() {
        let about = text(&resolved(document, header)["description"]);
        let _ = write!(html, "<code title=\"{about}\">{}</code> ", escaped(name));
    }
}

/// What a reference leads to; anything else is itself.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// The members of an object as a table; of anything else, its schema.
fn members(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty()) else {
        return format!("<pre>{}</pre>", escaped(&format!("{schema:#}")));
    };
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut html = "<table><tr><th>Member<th>Type<th>".to_owned();
    for (name, member) in properties {
        let mark = if required(name) { "required. " } else { "" };
        let about = code(&text(&member["description"]));
        let _ = write!(html, "<tr><td><code>{}</code><td>{}<td>{mark}{about}", escaped(name), shape(member));
    }
    html + "</table>"
}

/// A type in a few words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    if let Some(any) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        return any.iter().map(shape).collect::<Vec<_>>().join(" or ");
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind),
    };
    match &schema["items"] {
        Value::Null => kinds + &bounds(schema.as_object()),
        items => format!("{kinds} of {}{}", shape(items), bounds(schema.as_object())),
    }
}

fn bounds(schema: Option<&Map<String, Value>>) -> String {
    let words = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minItems", "items from"),
        ("maxItems", "items up to"),
        ("minLength", "length from"),
        ("maxLength", "length up to"),
        ("pattern", "like"),
    ];
    let told = words.iter().filter_map(|(name, word)| {
        let value = schema?.get(*name)?;
        Some(format!(" <span class=muted>{word} <code>{}</code></span>", text(value)))
    });
    told.collect()
}

/// A text with its backticks as code.
fn code(escaped: &str) -> String {
    let parts = escaped.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        other => escaped(&other.to_string()),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
