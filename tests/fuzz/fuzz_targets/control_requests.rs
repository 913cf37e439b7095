//! Whatever comes through the control socket is a request, which is read again as it was written, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider::control::PROTOCOL;
use postrider::control::words::Request;

fuzz_target!(|line: &[u8]| {
    let request = match Request::read(line) {
        Ok(request) => request,
        Err(why) => return assert!(!why.is_empty()),
    };
    let mut written = serde_json::to_value(&request).expect("a request is JSON");
    written["postrider"] = PROTOCOL.into();
    let again = Request::read(written.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(&request));
});
