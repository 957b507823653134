//! Files that only their owner may read, and that are there after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
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

/// Keeps a text in a file that its owner alone may read. Under another name first, so that a crash leaves either what was
/// there or all of the new.
pub(crate) fn keep(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    let (part, whole) = (folder.join(format!("{name}.part")), folder.join(name));
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(OpenOptions::new().write(true).create_new(true), &part)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&part, &whole)?;
    sync_name(&whole)
}
