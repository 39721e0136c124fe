//! Where a file system lays what is made and removed in numbers.

use super::Dir;

impl Dir {
    /// Asks the file system to lay each folder made in this one in a part of
    /// the disk of its own. ext4 does (`FS_TOPDIR_FL`, `ioctl_iflags(2)`), and
    /// for whoever has just removed many files that is a gain: it looks at every
    /// inode that was given up within minutes before it gives out one beside
    /// them (`recently_deleted` in its `ialloc.c`). A hint: elsewhere nothing
    /// happens.
    #[cfg(target_os = "linux")]
    pub fn spread_folders(&self) {
        use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
        if let Ok(flags) = ioctl_getflags(&*self.fd) {
            let _ = ioctl_setflags(&*self.fd, flags | IFlags::TOPDIR);
        }
    }

    /// Elsewhere nothing happens.
    #[cfg(not(target_os = "linux"))]
    pub fn spread_folders(&self) {}
}
