//! gzip, brotli and zstd, both ways. Bodies are small, so that each is worked on whole; none may grow beyond a bound.

use crate::limits;
use crate::problem::{Problem, ServerCode};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};
use std::io::{self, Read, Write};

/// A content coding that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// How hard to try; for answers of some kilobytes more costs time and saves little.
const GZIP_LEVEL: u32 = 5;
const BROTLI_QUALITY: u32 = 4;
const BROTLI_WINDOW: u32 = 20;
const ZSTD_LEVEL: i32 = 3;
const BUFFER: usize = 8 * 1024;

impl Coding {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match () {
            () if is("gzip") || is("x-gzip") => Some(Coding::Gzip),
            () if is("br") => Some(Coding::Brotli),
            () if is("zstd") => Some(Coding::Zstd),
            () => None,
        }
    }

    /// In which coding a body came; `None` is as it is. 415 for one that is not known, or for several.
    pub fn of_body(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let (Some(coding), None) = (codings.next(), codings.next()) else {
            let several = headers.contains_key(CONTENT_ENCODING);
            return if several { Err(ServerCode::MediaType.into()) } else { Ok(None) };
        };
        match coding.to_str().map(str::trim) {
            Ok(name) if name.eq_ignore_ascii_case("identity") => Ok(None),
            Ok(name) => Coding::from_name(name).map(Some).ok_or_else(|| ServerCode::MediaType.into()),
            Err(_) => Err(ServerCode::MediaType.into()),
        }
    }

    /// The coding that a caller likes best for the answer; among equals zstd, then brotli, then gzip.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        headers.get(ACCEPT_ENCODING)?;
        let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let weighed: Vec<(&str, u16)> = values.flat_map(|value| value.split(',')).filter_map(weighed).collect();
        let weight = |coding: Coding| {
            let named = weighed.iter().find(|(name, _)| Coding::from_name(name) == Some(coding));
            named.or_else(|| weighed.iter().find(|(name, _)| *name == "*")).map_or(0, |(_, weight)| *weight)
        };
        let known = [Coding::Gzip, Coding::Brotli, Coding::Zstd];
        known.into_iter().max_by_key(|coding| weight(*coding)).filter(|coding| weight(*coding) > 0)
    }

    /// A body as it was before it was encoded: 413 if it is larger than `limit`, 400 if it is not what it says.
    pub fn decode(self, body: &[u8], limit: usize) -> Result<Bytes, Problem> {
        let decoded = match self {
            Coding::Gzip => read(flate2::read::MultiGzDecoder::new(body), limit),
            Coding::Brotli => read(brotli::Decompressor::new(body, BUFFER), limit),
            Coding::Zstd => zstd::stream::read::Decoder::new(body).and_then(|mut decoder| {
                decoder.window_log_max(limits::ZSTD_WINDOW_LOG)?;
                read(decoder, limit)
            }),
        };
        match decoded {
            Ok(body) if body.len() > limit => Err(ServerCode::TooLarge.into()),
            Ok(body) => Ok(body.into()),
            Err(_) => Err(ServerCode::Unreadable.into()),
        }
    }

    /// A body encoded.
    pub fn encode(self, body: &[u8]) -> io::Result<Bytes> {
        let out = Vec::with_capacity(body.len() / 2);
        let encoded = match self {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
                encoder.write_all(body)?;
                encoder.finish()?
            }
            Coding::Brotli => {
                let mut encoder = brotli::CompressorWriter::new(out, BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
                encoder.write_all(body)?;
                encoder.into_inner()
            }
            Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL)?,
        };
        Ok(encoded.into())
    }

    /// As a header's value.
    pub fn header(self) -> HeaderValue {
        HeaderValue::from_static(self.as_str())
    }
}

/// Reads to the end, but not further than one byte beyond the limit.
fn read(decoder: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut body)?;
    Ok(body)
}

/// One item of `Accept-Encoding`: a name and its weight in thousandths.
fn weighed(item: &str) -> Option<(&str, u16)> {
    let (name, parameter) = item.split_once(';').unwrap_or((item, "q=1"));
    let weight: f32 = parameter.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim().parse().ok()?;
    Some((name.trim(), (weight.clamp(0.0, 1.0) * 1000.0) as u16))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

    #[test]
    fn what_was_encoded_is_decoded_up_to_the_limit_and_no_further() {
        let body = vec![b'x'; 1 << 20];
        for coding in ALL {
            let encoded = coding.encode(&body).unwrap();
            assert_eq!(coding.decode(&encoded, 1 << 20).unwrap(), body);
            let too_large = coding.decode(&encoded, (1 << 20) - 1).unwrap_err();
            assert_eq!(too_large.code(), ServerCode::TooLarge.into());
        }
    }

    #[test]
    fn what_is_cut_short_or_is_something_else_cannot_be_read() {
        let body: Vec<u8> = (0..5000_u32).flat_map(u32::to_be_bytes).collect();
        for coding in ALL {
            let encoded = coding.encode(&body).unwrap();
            for bad in [&encoded[..encoded.len() / 2], b"{\"orgId\":1}"] {
                assert_eq!(
                    coding.decode(bad, 1 << 20).unwrap_err().code(),
                    ServerCode::Unreadable.into(),
                    "{coding:?}"
                );
            }
        }
    }

    #[test]
    fn the_caller_chooses_the_coding() {
        let accepted = |value: &'static str| {
            Coding::accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        assert_eq!(accepted("gzip, deflate, br, zstd"), Some(Coding::Zstd));
        assert_eq!(accepted("gzip;q=1.0, br;q=0.5"), Some(Coding::Gzip));
        assert_eq!(accepted("br ; q = 0.2, *;q=0"), Some(Coding::Brotli));
        for none in ["", "identity", "gzip;q=0", "deflate", "gzip;x"] {
            assert_eq!(accepted(none), None, "{none}");
        }
    }
}
