//! What HTTP says when a request is not done: RFC 9457 problems with the members that existing clients read (contract
//! section 3). The only file of the server that names the status of an error.
//!
//! A handler returns a [`Problem`]; it travels as an extension of the response and the front (`front.rs`), which knows
//! the request's id, writes its body. No text here holds a value that a caller sent.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use onefold_api::problem::{self as wire, Retry};
use onefold_core::error::{Code as CoreCode, Error, Fault, Kind};
use std::borrow::Cow;

/// Where the page of a code stands.
const PAGES: &str = "https://onefold.dev/errors/";

/// Seconds after which a caller may try again when we were too busy, or stop.
const RETRY_AFTER_S: u16 = 1;

/// What a caller without valid credentials is asked for (RFC 9110 section 11.6.1).
const CHALLENGE: HeaderValue = HeaderValue::from_static("ApiKey realm=\"onefold\", Bearer realm=\"onefold\"");

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $retry:ident, $detail:literal;)*) => {
        /// Every code of the server's own; those of the rules are in [`onefold_core::error::Code`]. Each is stable and has
        /// a page in `docs/errors/`.
        ///
        /// **Order matters:** where one body breaks several rules, the problem has the code that stands first here, and
        /// its `errors` list all of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ServerCode { $($(#[$doc])* $name,)* }

        impl ServerCode {
            /// All of them.
            pub const ALL: &'static [ServerCode] = &[$(ServerCode::$name),*];

            /// As it stands in answers.
            pub fn as_str(self) -> &'static str {
                match self { $(ServerCode::$name => $code,)* }
            }

            /// What it means, in a sentence.
            pub fn detail(self) -> &'static str {
                match self { $(ServerCode::$name => $detail,)* }
            }

            fn status(self) -> StatusCode {
                match self { $(ServerCode::$name => StatusCode::$status,)* }
            }

            fn retry(self) -> Retry {
                match self { $(ServerCode::$name => Retry::$retry,)* }
            }
        }
    };
}

codes! {
    /// No credentials.
    AuthMissing = "auth.missing", UNAUTHORIZED, No, "The request has no API key and no token";
    /// Credentials that are unknown, expired or revoked: no answer tells which.
    AuthInvalid = "auth.invalid", UNAUTHORIZED, No, "The API key or token is not valid";
    /// Two different credentials.
    AuthAmbiguous = "auth.ambiguous", BAD_REQUEST, No, "The request has two different credentials";
    /// A scope that the credentials lack, or that the header `scopes` left out.
    AuthScope = "auth.scope", FORBIDDEN, No, "The API key or token is not allowed to do this";
    /// Another organisation's.
    AuthOrg = "auth.org", FORBIDDEN, No, "The API key or token is not of this organisation";
    /// The keys that tokens are verified with cannot be had.
    AuthNoKeys = "auth.no_keys", SERVICE_UNAVAILABLE, Later, "The keys that this token would be verified with cannot be read at present; nothing was done";
    /// What the environment sets, the server cannot replace.
    KeyFromEnvironment = "key.from_environment", CONFLICT, No, "This key is set by the environment of the server; change it there and restart";
    /// The engine has no files.
    BackupNoFiles = "backup.no_files", CONFLICT, No, "This server keeps everything in memory, so there is nothing to back up";
    /// One at a time.
    BackupUnderWay = "backup.under_way", CONFLICT, Later, "Another backup is being made; there is one at a time";
    /// Over a limit of the organisation.
    LimitOrg = "limit.org", TOO_MANY_REQUESTS, Later, "The organisation makes more calls than it may; nothing was done";
    /// Over a limit of the key.
    LimitKey = "limit.key", TOO_MANY_REQUESTS, Later, "This API key, or holder of a token, makes more calls than it may; nothing was done";
    /// A client certificate of another organisation's, or one that is no longer good.
    AuthCertificate = "auth.certificate", FORBIDDEN, No, "The client certificate is not for this API key or token, or is no longer good";
    /// No such URL.
    NoSuchUrl = "request.no_such_url", NOT_FOUND, No, "There is no such URL";
    /// A URL that does not know this method.
    Method = "request.method", METHOD_NOT_ALLOWED, No, "This URL does not know this method; the header Allow says which it knows";
    /// The body did not arrive in time.
    Timeout = "request.timeout", REQUEST_TIMEOUT, Later, "The body of the request did not arrive in time";
    /// The body is too large.
    TooLarge = "request.too_large", PAYLOAD_TOO_LARGE, No, "The body is larger than this call allows";
    /// The body is not JSON, or encoded in a way that is not known.
    MediaType = "request.media_type", UNSUPPORTED_MEDIA_TYPE, No, "The body must be application/json in UTF-8, as it is or with Content-Encoding gzip, br or zstd";
    /// The body cannot be read.
    Unreadable = "request.unreadable", BAD_REQUEST, No, "The body ended too early, or is not what its Content-Encoding says";
    /// Not JSON.
    MalformedJson = "request.malformed_json", BAD_REQUEST, No, "The body is not a JSON text in UTF-8";
    /// Nested too deeply.
    TooDeep = "request.too_deep", BAD_REQUEST, No, "The body is nested deeper than 16 levels";
    /// One member twice.
    DuplicateKey = "request.duplicate_key", BAD_REQUEST, No, "An object has a member twice";
    /// A number that would not be kept as it was sent.
    Number = "request.number", BAD_REQUEST, No, "A number does not fit: integers have 64 bits, others are finite doubles";
    /// A header that is wrong in itself.
    Header = "request.header", BAD_REQUEST, No, "A header of the request is not as it must be";
    /// No organisation.
    NoOrgId = "request.no_org_id", BAD_REQUEST, No, "Request failed as no Org ID was found in request";
    /// Nothing to search by.
    NoIdentifier = "search.no_identifier", BAD_REQUEST, No, "Search failed as no Identifier found in the request";
    /// Part of the contract, but not of this version.
    NotYet = "request.not_yet", BAD_REQUEST, No, "This version does not have this part of the API yet";
    /// Not part of the contract.
    UnknownMember = "request.unknown_member", BAD_REQUEST, No, "The body has a member that is not known";
    /// A region that the organisation does not have.
    UnknownRegion = "request.unknown_region", BAD_REQUEST, No, "The organisation has no such region";
    /// Too many values to search by.
    TooManyValues = "search.too_many_values", BAD_REQUEST, No, "The search has more values than the organisation may send in one";
    /// A write of nobody.
    WriteNoIdentifier = "write.no_identifier", BAD_REQUEST, No, "A write needs ids or a ucid";
    /// A write with too many identifiers.
    WriteTooManyIdentifiers = "write.too_many_identifiers", BAD_REQUEST, No, "A write has at most 10 identifiers";
    /// An operator that is not known, or mixed with something else.
    WriteOperator = "write.operator", BAD_REQUEST, No, "An operator is not known, or is not used as it must be";
    /// Objects in objects, or in arrays.
    WriteNested = "write.nested", BAD_REQUEST, No, "A group holds members, and a member no further objects; arrays hold only strings, numbers and booleans";
    /// A delete by several kinds, or by none.
    DeleteOneKind = "delete.one_kind", BAD_REQUEST, No, "A delete takes exactly one kind of identifier";
    /// A delete of too many, or of nobody.
    DeleteValues = "delete.values", BAD_REQUEST, No, "A delete takes 1 to 400 values";
    /// Anything else that is wrong with a member.
    Invalid = "request.invalid", BAD_REQUEST, No, "A member of the body, or a parameter of the URL, is missing or not as it must be";
    /// Too much at once.
    Overloaded = "server.overloaded", SERVICE_UNAVAILABLE, Later, "The server has too much to do; nothing was done";
    /// On the way out.
    ShuttingDown = "server.shutting_down", SERVICE_UNAVAILABLE, Later, "The server is shutting down; nothing was done";
    /// A fault of ours.
    Fault = "server.fault", INTERNAL_SERVER_ERROR, Same, "The server made a mistake; it is in its log under this request id";
}

/// A code of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// One of the server's.
    Server(ServerCode),
    /// One of the rules'.
    Core(CoreCode),
}

impl Code {
    /// As it stands in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Server(code) => code.as_str(),
            Code::Core(code) => code.as_str(),
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Code::Server(code) => code.detail(),
            Code::Core(code) => code.detail(),
        }
    }

    /// Which of several codes a problem has: the lowest. See [`ServerCode`]; a rule's code comes just before the most
    /// general of the server's.
    fn rank(self) -> ServerCode {
        match self {
            Code::Server(code) => code,
            Code::Core(_) => ServerCode::DeleteValues,
        }
    }
}

impl From<ServerCode> for Code {
    fn from(code: ServerCode) -> Self {
        Code::Server(code)
    }
}

impl From<CoreCode> for Code {
    fn from(code: CoreCode) -> Self {
        Code::Core(code)
    }
}

/// A request that was not done.
#[derive(Clone, Debug)]
pub struct Problem(Box<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    code: Code,
    status: StatusCode,
    retry: Retry,
    faults: Vec<Fault>,
    linked: bool,
    /// For the log alone.
    cause: Option<String>,
}

impl Problem {
    /// With a fault at a place in the body.
    pub fn at(code: ServerCode, pointer: String) -> Self {
        Self::from(code).with(vec![Fault { pointer, detail: code.detail().into() }])
    }

    /// A fault of ours; the cause goes to the log alone.
    pub fn fault(cause: impl Into<String>) -> Self {
        let mut problem = Self::from(ServerCode::Fault);
        problem.0.cause = Some(cause.into());
        problem
    }

    /// For a reason that goes to the log alone, and holds nothing that a caller sent.
    pub fn because(code: ServerCode, why: &'static str) -> Self {
        let mut problem = Self::from(code);
        problem.0.cause = Some(why.into());
        problem
    }

    /// A header that is not as it must be. The pointer names the header, as `#Name`: it is no place in the body.
    pub fn header(name: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        let pointer = format!("#{name}");
        Self::from(ServerCode::Header).with(vec![Fault { pointer, detail: detail.into() }])
    }

    /// From all that is wrong with a body. `None` if nothing is.
    pub fn of_faults(faults: Vec<(Code, Fault)>) -> Option<Self> {
        let code = faults.iter().map(|(code, _)| *code).min_by_key(|code| code.rank())?;
        let problem = match code {
            Code::Server(code) => Self::from(code),
            Code::Core(code) => Self::from(Error::from(code)),
        };
        Some(problem.with(faults.into_iter().map(|(_, fault)| fault).collect()))
    }

    /// Of something that only reads: an answer is whole or 504, and nothing was done, so that it may be repeated
    /// (contract section 4).
    pub fn of_read(error: Error) -> Self {
        let mut problem = Self::from(error);
        if problem.0.status == StatusCode::SERVICE_UNAVAILABLE || problem.0.status == StatusCode::GATEWAY_TIMEOUT {
            problem.0.status = StatusCode::GATEWAY_TIMEOUT;
            problem.0.retry = Retry::Later;
        }
        problem
    }

    fn with(mut self, faults: Vec<Fault>) -> Self {
        self.0.faults = faults;
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Whether the call was not let in: whatever it said, nothing was done.
    pub fn is_refusal(&self) -> bool {
        let refusals = [StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        refusals.contains(&self.0.status)
    }

    /// What the log is told beside the code.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The answer's body.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        let facts = &*self.0;
        let (code, detail) = (facts.code.as_str(), facts.code.detail());
        let title = facts.status.canonical_reason().unwrap_or_default();
        let fault = |fault: &Fault| wire::Fault { pointer: fault.pointer.clone(), detail: fault.detail.clone() };
        let problem = wire::Problem {
            page: format!("{PAGES}{code}"),
            title: title.into(),
            status: facts.status.as_u16(),
            detail: detail.into(),
            error: title.into(),
            message: detail.into(),
            code: code.into(),
            request_id: request_id.into(),
            retry: facts.retry,
            errors: facts.faults.iter().map(fault).collect(),
            linked: facts.linked,
        };
        serde_json::to_vec(&problem).expect("there is no map in it, and nothing that fails")
    }
}

impl From<ServerCode> for Problem {
    fn from(code: ServerCode) -> Self {
        Self(Box::new(Facts {
            code: code.into(),
            status: code.status(),
            retry: code.retry(),
            faults: Vec::new(),
            linked: false,
            cause: None,
        }))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, retry) = match error.code.kind() {
            Kind::Invalid => (StatusCode::BAD_REQUEST, Retry::No),
            Kind::NotFound => (StatusCode::NOT_FOUND, Retry::No),
            Kind::Conflict => (StatusCode::CONFLICT, Retry::No),
            Kind::Precondition => (StatusCode::PRECONDITION_FAILED, Retry::No),
            Kind::Limited => (StatusCode::TOO_MANY_REQUESTS, Retry::Later),
            // 503 says that nothing was done, and people were linked.
            Kind::Unavailable if error.linked => (StatusCode::BAD_GATEWAY, Retry::Same),
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Retry::Later),
            Kind::Unknown => (StatusCode::GATEWAY_TIMEOUT, Retry::Same),
            Kind::Damaged => (StatusCode::BAD_GATEWAY, Retry::No),
        };
        Self(Box::new(Facts {
            code: error.code.into(),
            status,
            retry,
            faults: error.faults,
            linked: error.linked,
            cause: error.cause,
        }))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.0.status {
            StatusCode::SERVICE_UNAVAILABLE => _ = headers.insert(header::RETRY_AFTER, RETRY_AFTER_S.into()),
            StatusCode::UNAUTHORIZED => _ = headers.insert(header::WWW_AUTHENTICATE, CHALLENGE),
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}
