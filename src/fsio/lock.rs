//! Advisory locks (flock) that die with their process.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Dir, FsError, Result};

/// A held lock; dropping it, or the death of the process, gives it back.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock, alone.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn exclusive(dir: &Dir, name: &str) -> Result<Self> {
        let file = dir.open_lock(name)?;
        // Named in full: std's own methods of the same names would be taken otherwise.
        fs2::FileExt::lock_exclusive(&file).map_err(|e| FsError::new("lock", dir.path().join(name), e))?;
        Ok(Self { file })
    }

    /// Waits for the lock, together with other shared holders.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn shared(dir: &Dir, name: &str) -> Result<Self> {
        let file = dir.open_lock(name)?;
        fs2::FileExt::lock_shared(&file).map_err(|e| FsError::new("lock", dir.path().join(name), e))?;
        Ok(Self { file })
    }

    /// Takes the lock if it is free.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn try_exclusive(dir: &Dir, name: &str) -> Result<Option<Self>> {
        let file = dir.open_lock(name)?;
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => Ok(Some(Self { file })),
            Err(e) if e.raw_os_error() == fs2::lock_contended_error().raw_os_error() => Ok(None),
            Err(e) => Err(FsError::new("lock", dir.path().join(name), e)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing does not give it back while a child that another thread is
        // just starting has the file too, until its program runs.
        let _ = fs2::FileExt::unlock(&self.file);
    }
}

/// A lock that is taken often: its file stays open between two holders of this
/// process, who take turns.
#[derive(Debug)]
pub struct KeptLock {
    dir: Dir,
    name: String,
    file: Mutex<Option<File>>,
}

/// A kept lock that is held; dropping it, or the death of the process, gives
/// it back.
#[derive(Debug)]
pub struct Held<'a> {
    kept: MutexGuard<'a, Option<File>>,
}

impl KeptLock {
    /// The lock `name` in `dir`. Opens nothing yet.
    #[must_use]
    pub fn new(dir: &Dir, name: impl Into<String>) -> Self {
        Self { dir: dir.clone(), name: name.into(), file: Mutex::new(None) }
    }

    /// Waits for the lock, alone.
    ///
    /// # Errors
    /// When the lock file cannot be opened.
    pub fn exclusive(&self) -> Result<Held<'_>> {
        self.taken_by(fs2::FileExt::lock_exclusive)
    }

    /// As [`exclusive`](Self::exclusive), but not longer than `limit`: for what
    /// a process that was stopped while it held the lock must not hold up.
    ///
    /// # Errors
    /// Also when it was not free by then.
    pub fn exclusive_within(&self, limit: Duration) -> Result<Held<'_>> {
        let end = Instant::now() + limit;
        self.taken_by(|file| {
            let mut pause = Duration::from_micros(50);
            loop {
                match fs2::FileExt::try_lock_exclusive(file) {
                    Err(e) if e.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
                        if Instant::now() >= end {
                            return Err(io::Error::new(io::ErrorKind::TimedOut, "another process keeps it"));
                        }
                        std::thread::sleep(pause);
                        pause = (pause * 2).min(Duration::from_millis(2));
                    }
                    done => return done,
                }
            }
        })
    }

    fn taken_by(&self, take: impl Fn(&File) -> io::Result<()>) -> Result<Held<'_>> {
        let mut kept = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let file = match kept.take() {
                Some(file) => file,
                None => self.dir.open_lock(&self.name)?,
            };
            take(&file).map_err(|e| FsError::new("lock", self.dir.path().join(&self.name), e))?;
            // Somebody may have removed the file; the others then hold another one.
            if self.is_the_one(&file)? {
                *kept = Some(file);
                return Ok(Held { kept });
            }
        }
    }

    #[cfg(unix)]
    fn is_the_one(&self, file: &File) -> Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        let meta = file.metadata().map_err(|e| FsError::new("look at", self.dir.path().join(&self.name), e))?;
        Ok(meta.nlink() > 0)
    }

    /// An open file cannot be removed there.
    #[cfg(not(unix))]
    fn is_the_one(&self, _: &File) -> Result<bool> {
        Ok(true)
    }
}

/// The few bytes that some locks keep in their file.
impl Held<'_> {
    /// Reads from the beginning of the file; gives how many bytes there were.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let Some(file) = self.kept.as_ref() else { return Ok(0) };
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_at(file, bytes, 0);
        #[cfg(windows)]
        return std::os::windows::fs::FileExt::seek_read(file, bytes, 0);
    }

    /// Writes at the beginning of the file.
    ///
    /// # Errors
    /// What the system says, or that not all was written.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = self.kept.as_ref() else { return Ok(()) };
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_all_at(file, bytes, 0);
        #[cfg(windows)]
        return match std::os::windows::fs::FileExt::seek_write(file, bytes, 0)? {
            written if written == bytes.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        };
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(file) = self.kept.as_ref()
            && fs2::FileExt::unlock(file).is_err()
        {
            // Closing gives it back for sure.
            *self.kept = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_given_back_although_a_child_that_just_starts_has_the_file_too() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = Dir::open(tmp.path()).unwrap();
        let lock = Lock::exclusive(&dir, "one").unwrap();
        // What a fork leaves open until its exec.
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        assert!(Lock::try_exclusive(&dir, "one").unwrap().is_some());
        drop(inherited);
    }
}
