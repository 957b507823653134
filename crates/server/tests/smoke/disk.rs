//! Disks of our own, which may be filled and cut off. They take root, `mount` and free loop devices.
//!
//! Where one cannot be had the test that wants it says so and is skipped; with `ONEFOLD_REQUIRE_PEERS=1` it fails.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Stops a process dead, if there is one, and asks ext4 (`EXT4_IOC_SHUTDOWN`, `NOLOGFLUSH`) to write nothing any more.
///
/// The process first, for ext4 may say "synced" of what it drops at the same moment, as no disk does. The millisecond is
/// for its threads to arrive at the stop; a sync that they wait for is not waited for here.
const CUT: &str = r#"open D, "<", $ARGV[0] or die "$!"; my $how = pack "L", 2;
    if ($ARGV[1]) { kill "STOP", $ARGV[1]; select undef, undef, undef, 0.001; }
    defined ioctl D, 0x8004587D, $how or die "ioctl: $!";"#;

/// A file system that is unmounted when this is dropped.
pub struct Disk {
    place: TempDir,
    /// The file that is its disk, where it has one.
    image: Option<PathBuf>,
}

impl Disk {
    /// In memory, of this size.
    pub fn in_memory(mib: u64) -> Result<Self, String> {
        let place = tempfile::tempdir().unwrap();
        let top = place.path().join("disk");
        std::fs::create_dir(&top).unwrap();
        tool("mount", &["-t", "tmpfs", "-o", &format!("size={mib}m"), "onefold-smoke", text(&top)])?;
        Ok(Self { place, image: None })
    }

    /// An ext4 on a file: what that file holds is what a power cut leaves.
    pub fn ext4(mib: u64) -> Result<Self, String> {
        let place = tempfile::tempdir().unwrap();
        let (top, image) = (place.path().join("disk"), place.path().join("image"));
        std::fs::create_dir(&top).unwrap();
        File::create(&image).unwrap().set_len(mib << 20).unwrap();
        tool("mkfs.ext4", &["-q", "-F", text(&image)])?;
        let disk = Self { place, image: Some(image) };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        let image = self.image.as_deref().expect("only what is on a file is mounted again");
        tool("mount", &["-o", "loop", text(image), text(&self.top())])
    }

    /// Its topmost directory.
    pub fn top(&self) -> PathBuf {
        self.place.path().join("disk")
    }

    /// A directory beside it, on another disk.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// From here on nothing reaches the disk, and what was not synced never will. A process that is given does nothing
    /// from then on either, but is not gone.
    pub fn cut(&self, process: Option<&str>) -> Result<(), String> {
        tool("perl", &["-e", CUT, text(&self.top()), process.unwrap_or_default()])
    }

    /// It stands still: whoever writes or syncs waits.
    pub fn freeze(&self) -> Result<(), String> {
        tool("fsfreeze", &["--freeze", text(&self.top())])
    }

    /// It goes on.
    pub fn thaw(&self) -> Result<(), String> {
        tool("fsfreeze", &["--unfreeze", text(&self.top())])
    }

    /// Power is back: whatever was in memory alone is gone. Nobody may have a file open.
    pub fn power_up(&self) -> Result<(), String> {
        tool("umount", &[text(&self.top())])?;
        self.mount()
    }

    /// Takes up space until so much is left. Remove the file that it returns to have it back.
    pub fn fill(&self, leave_mib: u64) -> PathBuf {
        let path = self.top().join("filler");
        let mut filler = File::create(&path).unwrap();
        let block = vec![1; 1 << 20];
        while free_mib(&self.top()) > leave_mib && filler.write_all(&block).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _frozen_by_a_test_that_failed = self.thaw();
        for _ in 0..50 {
            if tool("umount", &[text(&self.top())]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100)); // A server that was killed may not be quite gone.
        }
    }
}

fn free_mib(path: &Path) -> u64 {
    let output = Command::new("df").args(["--output=avail", "-BM", text(path)]).output().unwrap();
    let digits: String = String::from_utf8(output.stdout).unwrap().chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn tool(name: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(name).args(args).output().map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{name}: {}", said.trim())) }
}

/// The disk; or none, said loudly.
pub fn or_skip(disk: Result<Disk, String>) -> Option<Disk> {
    match disk {
        Ok(disk) => Some(disk),
        Err(reason) if std::env::var("ONEFOLD_REQUIRE_PEERS").is_ok_and(|it| it == "1") => {
            panic!("this test needs a disk of its own: {reason}")
        }
        Err(reason) => {
            eprintln!("!!!! SKIPPED, NO DISK OF ITS OWN: {reason} !!!!");
            None
        }
    }
}
