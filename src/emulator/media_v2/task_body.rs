//! The `TaskBody` of an encoding task: which of the job's assets it reads and which it writes.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::errors::ApiError;

/// An asset a task reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// `JobInputAsset(n)`.
    Input(usize),
    /// `JobOutputAsset(n)` of an earlier task.
    Output(usize),
}

/// An asset a task writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// The n of `JobOutputAsset(n)`.
    pub(super) number: usize,
    pub(super) name: Option<String>,
    pub(super) options: i32,
    pub(super) format: i32,
    pub(super) storage: Option<String>,
}

/// A parsed task body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TaskBody {
    pub(super) inputs: Vec<Reference>,
    pub(super) outputs: Vec<Output>,
}

/// No job has more outputs than assets documented for a job.
const MOST_ASSETS: usize = 100;

fn malformed() -> ApiError {
    ApiError::bad("The value of property 'TaskBody' is invalid.")
}

impl TaskBody {
    /// Reads a task body.
    pub(super) fn parse(xml: &str) -> Result<Self, ApiError> {
        let mut reader = Reader::from_str(xml);
        let mut body = Self::default();
        let mut open: Option<(String, Output)> = None;
        loop {
            match reader.read_event().map_err(|_| malformed())? {
                Event::Start(start) => {
                    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                    open = Some((name, output(&start)?));
                }
                Event::Text(text) => {
                    let text = text.decode().map_err(|_| malformed())?;
                    match open.take() {
                        Some((name, _)) if name == "inputAsset" => body.inputs.push(reference(&text)?),
                        Some((name, mut output)) if name == "outputAsset" => {
                            let Reference::Output(number) = reference(&text)? else { return Err(malformed()) };
                            output.number = number;
                            body.outputs.push(output);
                        }
                        other => open = other,
                    }
                }
                Event::End(_) => open = None,
                Event::Eof => break,
                _ => {}
            }
        }
        if body.inputs.is_empty() || body.outputs.is_empty() {
            return Err(malformed());
        }
        Ok(body)
    }
}

fn reference(text: &str) -> Result<Reference, ApiError> {
    let text = text.trim();
    let number = |prefix: &str| {
        let number = text.strip_prefix(prefix)?.strip_prefix('(')?.strip_suffix(')')?;
        number.trim().parse::<usize>().ok().filter(|n| *n < MOST_ASSETS)
    };
    let input = number("JobInputAsset").map(Reference::Input);
    input.or_else(|| number("JobOutputAsset").map(Reference::Output)).ok_or_else(malformed)
}

fn output(start: &BytesStart<'_>) -> Result<Output, ApiError> {
    let mut output = Output { number: 0, name: None, options: 0, format: 0, storage: None };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| malformed())?;
        let raw = String::from_utf8_lossy(&attribute.value).into_owned();
        let value = quick_xml::escape::unescape(&raw).map_err(|_| malformed())?.into_owned();
        match attribute.key.local_name().as_ref() {
            b"assetName" if !value.is_empty() => output.name = Some(value),
            b"storageAccountName" if !value.is_empty() => output.storage = Some(value),
            b"assetCreationOptions" => output.options = value.parse().map_err(|_| malformed())?,
            b"assetFormatOption" => output.format = value.parse().map_err(|_| malformed())?,
            _ => {}
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_outputs_and_their_attributes_are_read() {
        let body = TaskBody::parse(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><taskBody><inputAsset>JobInputAsset(0)</inputAsset>\
             <inputAsset>JobOutputAsset(1)</inputAsset><outputAsset assetName=\"a &amp; b\" assetCreationOptions=\"1\" \
             storageAccountName=\"s\">JobOutputAsset(2)</outputAsset></taskBody>",
        )
        .unwrap();
        assert_eq!(body.inputs, [Reference::Input(0), Reference::Output(1)]);
        assert_eq!(body.outputs.len(), 1);
        let output = &body.outputs[0];
        assert_eq!((output.number, output.name.as_deref(), output.options), (2, Some("a & b"), 1));
        for wrong in ["", "<taskBody/>", "<taskBody><inputAsset>Other(0)</inputAsset></taskBody>", "<a><b></a>"] {
            assert_eq!(TaskBody::parse(wrong).map_err(|e| e.status), Err(400), "{wrong}");
        }
    }
}
