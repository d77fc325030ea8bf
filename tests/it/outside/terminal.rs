//! A run on a terminal, interrupted with Ctrl-C: what the screen shows while it stops, and afterwards.
//!
//! `script` (util-linux) makes the terminal, whose line discipline turns the byte 3 into `^C` on the screen and SIGINT.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::{BINARY, LONG, library, regions};
use crate::cli::against_emulator::Emulator;
use crate::cli::counted::wait_for;

const COLUMNS: usize = 80;
const ROWS: usize = 24;
/// The byte of Ctrl-C.
const INTERRUPT: &[u8] = b"\x03";
const HINT: &str = "press Ctrl-C again to leave at once";

/// The program on a terminal.
struct OnTerminal {
    process: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    /// The output to the terminal so far.
    sent: Vec<u8>,
}

impl OnTerminal {
    fn start(emulator: &Emulator, arguments: &str) -> Self {
        let command = format!("stty cols {COLUMNS} rows {ROWS}; exec {BINARY} {arguments}");
        let mut process = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", &command, "/dev/null"])
            .current_dir(emulator.path())
            .env_remove("MEDIAMIRROR_CONFIG")
            .env_remove("MEDIAMIRROR_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script (util-linux) runs");
        let (keyboard, screen) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, keyboard, screen, sent: Vec::new() }
    }

    fn press_ctrl_c(&mut self) {
        self.keyboard.write_all(INTERRUPT).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Waits until the output contains this text, or ends.
    fn wait_for(&mut self, words: &str) {
        let mut chunk = [0; 4096];
        while !String::from_utf8_lossy(&self.sent).contains(words) {
            match self.screen.read(&mut chunk).unwrap() {
                0 => return,
                length => self.sent.extend_from_slice(&chunk[..length]),
            }
        }
    }

    /// Its exit code and the whole output to the terminal.
    fn end(mut self) -> (Option<i32>, String) {
        self.screen.read_to_end(&mut self.sent).unwrap();
        (self.process.wait().unwrap().code(), String::from_utf8(self.sent).unwrap())
    }
}

/// What a terminal shows: lines without the spaces at their ends. It supports the sequences of indicatif, and does not
/// scroll.
#[derive(Default)]
struct Display {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Display {
    fn of(sent: &str) -> Vec<String> {
        let mut display = Self::default();
        let mut characters = sent.chars();
        while let Some(character) = characters.next() {
            match character {
                '\r' => display.column = 0,
                '\n' => display.row += 1,
                '\u{1b}' => display.obey(&mut characters),
                shown => display.show(shown),
            }
        }
        let line = |line: Vec<char>| line.into_iter().collect::<String>().trim_end().to_owned();
        display.lines.into_iter().map(line).collect()
    }

    /// Executes an escape sequence: a number, and a letter for the action.
    fn obey(&mut self, characters: &mut std::str::Chars<'_>) {
        assert_eq!(characters.next(), Some('['), "an unknown escape sequence");
        let rest = characters.as_str();
        let letter = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a sequence has an end");
        let number = rest[..letter].parse().unwrap_or(1);
        match characters.nth(letter) {
            Some('A') => self.row = self.row.saturating_sub(number),
            Some('B') => self.row += number,
            // The whole line is cleared, with the cursor in any column.
            Some('K') => self.line().fill(' '),
            other => panic!("an unknown escape sequence: {other:?}"),
        }
    }

    fn show(&mut self, character: char) {
        // A full line wraps with the next character, not before.
        if self.column == COLUMNS {
            (self.row, self.column) = (self.row + 1, 0);
        }
        let column = self.column;
        self.line()[column] = character;
        self.column += 1;
    }

    fn line(&mut self) -> &mut Vec<char> {
        let lines = self.lines.len().max(self.row + 1);
        self.lines.resize(lines, vec![' '; COLUMNS]);
        &mut self.lines[self.row]
    }
}

/// The number of bars on the screen.
fn bars(screen: &[String]) -> usize {
    screen.iter().filter(|line| line.contains(['█', '░'])).count()
}

fn has(screen: &[String], words: &str) -> bool {
    screen.iter().any(|line| line.contains(words))
}

#[test]
fn an_interruption_shows_its_hint_above_the_bars_and_leaves_no_bar_behind() {
    let emulator = Emulator::with(&regions(200, LONG), &library(12), "");
    let mut run = OnTerminal::start(&emulator, "sync --max-in-flight 2 --assets-in-flight 2");
    wait_for(&emulator, "CreateAsset", 4);
    run.press_ctrl_c();
    let (code, sent) = run.end();
    assert_eq!(code, Some(130), "{sent}");
    assert!(sent.contains("^C"), "the terminal did not show the typed characters: {sent}");

    // At the end, the bars are removed one by one: this is the last drawing of all three. Before each drawing, the
    // cursor moves up to the first line.
    let start = "Aassets ";
    let drawing = sent.rfind(start).expect("bars are drawn") + start.len();
    let drawn = drawing + sent[drawing..].find('\u{1b}').expect("the bars are taken away");
    assert!(sent.find(HINT) < Some(drawing), "nothing was drawn while the run drained: {sent}");
    let draining = Display::of(&sent[..drawn]);
    assert!(has(&draining, HINT), "{draining:#?}");
    assert_eq!(bars(&draining), 3, "{draining:#?}");
    let end = Display::of(&sent);
    assert!(has(&end, HINT) && has(&end, "To resume: mediamirror"), "{end:#?}");
    assert_eq!((bars(&end), has(&end, "^C")), (0, false), "{end:#?}");
}

#[test]
fn the_second_interruption_removes_the_bars_before_the_program_ends() {
    let emulator = Emulator::with(&regions(200, LONG), &library(12), "");
    let mut run = OnTerminal::start(&emulator, "sync --max-in-flight 2 --assets-in-flight 2");
    wait_for(&emulator, "CreateAsset", 4);
    run.press_ctrl_c();
    run.wait_for(HINT);
    run.press_ctrl_c();
    let (code, sent) = run.end();
    assert_eq!(code, Some(130), "{sent}");
    let end = Display::of(&sent);
    assert!(has(&end, HINT) && !has(&end, "To resume"), "{end:#?}");
    assert_eq!(bars(&end), 0, "{end:#?}");
}
