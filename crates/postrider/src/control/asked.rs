//! From a line of a client to what it asks.

use super::PROTOCOL;
use super::words::Request;
use serde_json::Value;

impl Request {
    /// Reads what a client asked with a line.
    ///
    /// # Errors
    /// With what is wrong with it.
    pub fn read(line: &[u8]) -> Result<Self, String> {
        let mut value: Value = serde_json::from_slice(line)
            .map_err(|error| format!("the request is no JSON: {error}"))?;
        let fields = value.as_object_mut();
        let version = fields.and_then(|fields| fields.remove("postrider"));
        if version != Some(Value::from(PROTOCOL)) {
            let what = "the request is not for version";
            return Err(format!("{what} {PROTOCOL} of the protocol"));
        }
        serde_json::from_value(value).map_err(|error| format!("the request: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_of_this_protocol_and_has_no_other_fields() {
        let read = |line: &str| Request::read(line.as_bytes());
        let status = Request::Status { follow: true };
        let asked = r#"{"postrider": 1, "request": "status", "follow": true}"#;
        assert_eq!(read(asked), Ok(status));
        for (line, why) in [
            ("", "no JSON"),
            ("[]", "version"),
            (r#"{"request": "status"}"#, "version"),
            (r#"{"postrider": 2, "request": "status"}"#, "version"),
            (r#"{"postrider": 1}"#, "request"),
            (
                r#"{"postrider": 1, "request": "status", "x": 1}"#,
                "unknown field",
            ),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(why), "{line}: {error}");
        }
    }
}
