//! XML-RPC as XAPI speaks it: whole numbers are texts.

use std::fmt::Write as _;

use gatherer_plugin_support::xml::{self, Limits, Node};
use serde_json::Value;

/// The method and the texts among the parameters of a call; `None` if it is not a call.
pub(super) fn parse(body: &[u8]) -> Option<(String, Vec<String>)> {
    let text = std::str::from_utf8(body).ok()?;
    let document = xml::parse(text, Limits::default()).ok()?;
    let call = document.root_element();
    let child = |node: Node<'_, '_>, name: &str| {
        node.children().find(|child| child.has_tag_name(name)).map(|child| child.id())
    };
    let method = document.get_node(child(call, "methodName")?)?.text()?.to_owned();
    let values = call.descendants().filter(|node| node.has_tag_name("value"));
    let parameters = values.map(|value| {
        let texts = value.descendants().filter(Node::is_text);
        texts.filter_map(|node| node.text()).collect::<String>().trim().to_owned()
    });
    Some((method, parameters.collect()))
}

/// The response with this value.
pub(super) fn response(value: &Value) -> String {
    let mut text = "<?xml version='1.0'?><methodResponse><params><param>".to_owned();
    write_value(&mut text, value);
    text.push_str("</param></params></methodResponse>");
    text
}

fn write_value(text: &mut String, value: &Value) {
    text.push_str("<value>");
    match value {
        Value::Null => {}
        Value::Bool(value) => {
            write!(text, "<boolean>{}</boolean>", u8::from(*value)).expect("a string");
        }
        Value::Number(number) if number.is_f64() => {
            write!(text, "<double>{number}</double>").expect("a string");
        }
        Value::Number(number) => write!(text, "<string>{number}</string>").expect("a string"),
        Value::String(value) => {
            let value = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            write!(text, "<string>{value}</string>").expect("a string");
        }
        Value::Array(items) => {
            text.push_str("<array><data>");
            for item in items {
                write_value(text, item);
            }
            text.push_str("</data></array>");
        }
        Value::Object(members) => {
            text.push_str("<struct>");
            for (name, value) in members {
                write!(text, "<member><name>{name}</name>").expect("a string");
                write_value(text, value);
                text.push_str("</member>");
            }
            text.push_str("</struct>");
        }
    }
    text.push_str("</value>");
}
