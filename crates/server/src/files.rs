//! Files that only their owner may read, and that are there after a power cut.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens a file which, where it is made by that, its owner alone may read, from its first moment on.
pub(crate) fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Makes durable that a file has its name.
pub(crate) fn sync_name(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
