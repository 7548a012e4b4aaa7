//! Messages as data sets hold them: lists of objects with `role` and `content`, as OpenAI, TRL and verl write them.

use palinode_rows::{Value, json_value};
use palinode_text::{Message, Role};

use crate::verifiers::short;

/// What a message may hold beside its text, and what a model can't be shown here.
const NOT_READ: [(&str, &str); 8] = [
    ("tool_calls", "calls of tools"),
    ("function_call", "a call of a function"),
    ("tool_call_id", "a tool's result"),
    ("audio", "audio"),
    ("images", "images"),
    ("reasoning_content", "thinking"),
    ("thinking", "thinking"),
    ("reasoning", "thinking"),
];

/// The messages of a list.
///
/// # Errors
/// What can't be read, as a clause that names the message.
pub(crate) fn messages(items: &[Value]) -> Result<Vec<Message>, String> {
    let message = |(i, item): (usize, &Value)| message(item).map_err(|reason| format!("message {}: {reason}", i + 1));
    items.iter().enumerate().map(message).collect()
}

/// The items of a text that is a list of messages: in CSV there is no other way to hold one.
///
/// # Errors
/// Why they can't be read, where the text is one as Python prints it.
pub(crate) fn messages_in_text(text: &str) -> Result<Option<Vec<Value>>, String> {
    let begins = text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{'));
    let names = |quote: char| ["role", "content"].iter().all(|name| text.contains(&format!("{quote}{name}{quote}")));
    if !begins || !text.ends_with(']') {
        return Ok(None);
    }
    if let (true, Ok(Value::List(items))) = (names('"'), json_value(text)) {
        return Ok(Some(items));
    }
    if names('\'') {
        return Err("looks like a list of messages as Python prints it; write it as JSON, with json.dumps".into());
    }
    Ok(None)
}

fn message(item: &Value) -> Result<Message, String> {
    let Value::Object(fields) = item else {
        return Err(format!("is {}, not an object with \"role\" and \"content\"", item.kind()));
    };
    if let Some((_, what)) = NOT_READ.iter().find(|(name, _)| field(fields, name).is_some_and(|value| !is_nothing(value))) {
        return Err(format!("holds {what}, which can't be put to a model here"));
    }
    let role = match field(fields, "role") {
        Some(Value::Text(role)) => self::role(role)?,
        Some(other) => return Err(format!("\"role\" is {}, not a string", other.kind())),
        None if field(fields, "from").is_some() => {
            return Err("has \"from\" and \"value\" (ShareGPT); write \"role\" and \"content\"".into());
        }
        None => return Err("has no \"role\"".into()),
    };
    let content = match field(fields, "content") {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::List(parts)) => joined(parts)?,
        Some(other) => return Err(format!("\"content\" is {}, not a string", other.kind())),
        None => return Err("has no \"content\"".into()),
    };
    Ok(Message { role, content })
}

fn field<'a>(fields: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn role(name: &str) -> Result<Role, String> {
    Ok(match name {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" | "ipython" => return Err(format!("is of a {name}; tools can't be put to a model here")),
        other => return Err(format!("is of {:?}; roles are system, user and assistant", short(other))),
    })
}

/// The text of a content in parts.
fn joined(parts: &[Value]) -> Result<String, String> {
    let text = |part: &Value| match part {
        Value::Text(text) => Ok(text.clone()),
        Value::Object(fields) => match (field(fields, "type"), field(fields, "text")) {
            (Some(Value::Text(kind)), Some(Value::Text(text))) if kind == "text" || kind == "input_text" => Ok(text.clone()),
            (Some(Value::Text(kind)), _) => Err(format!("a part of it is of type {:?}; only \"text\" is read", short(kind))),
            _ => Err("a part of it has no \"type\" and \"text\"".into()),
        },
        other => Err(format!("a part of it is {}", other.kind())),
    };
    parts.iter().map(text).collect()
}

/// Writers of columns fill in what other rows have.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
