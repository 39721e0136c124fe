//! Linux tells who has a file open through `/proc`; the read lease
//! (`F_SETLEASE`) would need an unsafe call, and gives the same answer
//! for processes of the same user, which are the ones that matter here.
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

pub(super) fn any(path: &Path, inode: u64) -> Option<bool> {
    let device = std::fs::symlink_metadata(path).ok()?.dev();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name();
        if !name.to_string_lossy().bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let Ok(fds) = std::fs::read_dir(process.path().join("fd")) else { continue };
        for fd in fds.flatten() {
            let Ok(meta) = std::fs::metadata(fd.path()) else { continue };
            if meta.ino() == inode
                && meta.dev() == device
                && writable(&process.path(), &fd.file_name().to_string_lossy())
            {
                return Some(true);
            }
        }
    }
    Some(false)
}

fn writable(process: &Path, fd: &str) -> bool {
    let info = std::fs::read_to_string(process.join("fdinfo").join(fd)).unwrap_or_default();
    let flags = info.lines().find_map(|l| l.strip_prefix("flags:")).unwrap_or("0");
    u32::from_str_radix(flags.trim(), 8).is_ok_and(|bits| bits & 0o3 != 0)
}
