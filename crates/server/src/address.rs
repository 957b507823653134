//! Where a running server can be reached, for the command line on the same machine: a file `address` in its data
//! directory, there for as long as the server answers.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

const FILE: &str = "address";

/// The file of a running server; gone when this is dropped.
#[derive(Debug)]
pub struct Advertised(Option<PathBuf>);

impl Advertised {
    /// Writes it. `data` is none where the engine keeps nothing.
    pub fn write(data: Option<&Path>, listening: SocketAddr) -> io::Result<Self> {
        let Some(path) = data.map(|data| data.join(FILE)) else { return Ok(Self(None)) };
        fs::write(&path, format!("{}\n", url(listening)))?;
        Ok(Self(Some(path)))
    }
}

impl Drop for Advertised {
    fn drop(&mut self) {
        // One that stays behind is only tried in vain.
        let _gone = self.0.take().map(fs::remove_file);
    }
}

/// What the file of a data directory says, if a server wrote one.
pub fn find(data: &Path) -> Option<String> {
    let text = fs::read_to_string(data.join(FILE)).ok()?;
    Some(text.trim().to_owned()).filter(|url| !url.is_empty())
}

/// How to reach a server that listens there, from this machine: where it listens everywhere, by loopback.
pub fn url(listening: SocketAddr) -> String {
    format!("http://{}", reached(listening))
}

/// The same for a listener with TLS.
pub fn https(listening: SocketAddr) -> String {
    format!("https://{}", reached(listening))
}

fn reached(listening: SocketAddr) -> SocketAddr {
    let host = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_by_loopback() {
        assert_eq!(url(SocketAddr::from(([0, 0, 0, 0], 80))), "http://127.0.0.1:80");
        assert_eq!(url(SocketAddr::from(([0u16; 8], 81))), "http://[::1]:81");
        assert_eq!(url(SocketAddr::from(([10, 0, 0, 1], 82))), "http://10.0.0.1:82");
    }

    #[test]
    fn the_address_is_there_while_the_server_is() {
        let data = tempfile::tempdir().expect("a directory");
        assert_eq!(find(data.path()), None);
        let advertised = Advertised::write(Some(data.path()), SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(find(data.path()).as_deref(), Some("http://127.0.0.1:8080"));
        drop(advertised);
        assert_eq!(find(data.path()), None);
    }
}
