//! The film: a file of the user, or the built-in one.

use std::path::{Path, PathBuf};

use super::super::failure::CommandFailure;

/// A test picture of a few seconds, as committed with the tests.
const BARS: &[u8] = include_bytes!("../../../tests/fixtures/bars/bars_400.mp4");

/// A film on disk; dropping it removes the built-in one.
#[derive(Debug)]
pub(super) struct Film {
    /// Where it is.
    pub(super) path: PathBuf,
    /// A directory to remove at the end.
    directory: Option<PathBuf>,
}

impl Film {
    /// The given file, which is opened before anything starts, or the built-in film.
    pub(super) fn of(file: Option<&Path>) -> Result<Self, CommandFailure> {
        match file {
            Some(path) => match std::fs::File::open(path) {
                Ok(_) => Ok(Self { path: path.to_owned(), directory: None }),
                Err(error) => Err(CommandFailure::file("read", path, &error)),
            },
            None => Self::brought_along(),
        }
    }

    fn brought_along() -> Result<Self, CommandFailure> {
        let directory = std::env::temp_dir().join(format!("mediamirror-tutorial-{}", uuid::Uuid::new_v4()));
        let path = directory.join("bars.mp4");
        let written = std::fs::create_dir(&directory).and_then(|()| std::fs::write(&path, BARS));
        written.map_err(|error| CommandFailure::file("write", &path, &error))?;
        Ok(Self { path, directory: Some(directory) })
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory
            && let Err(error) = std::fs::remove_dir_all(directory)
        {
            tracing::warn!(%error, directory = %directory.display(), "the film is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_film_is_removed_and_a_file_of_the_user_is_kept() {
        let film = Film::of(None).unwrap();
        let path = film.path.clone();
        assert_eq!(std::fs::read(&path).unwrap(), BARS);
        drop(Film::of(Some(&path)).unwrap());
        assert!(path.exists());
        drop(film);
        assert!(!path.exists() && !path.parent().unwrap().exists());
    }
}
