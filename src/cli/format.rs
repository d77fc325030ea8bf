//! The formats of all JSON output, as JSON Schema. They are made from the printed types, so that they cannot differ.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// What one command prints as JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// The words of the command, such as `runs-list`.
    pub(crate) name: &'static str,
    /// A description in one line.
    pub(crate) summary: &'static str,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Format {
    /// The format of a type.
    pub(crate) const fn of<T: JsonSchema>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, schema: SchemaGenerator::root_schema_for::<T> }
    }

    /// The format of a command that prints one thing, or a list if none is named.
    pub(crate) const fn either<One: JsonSchema, List: JsonSchema>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, schema: either::<One, List> }
    }

    /// The format of a command that prints one of three things.
    pub(crate) const fn any_of<A: JsonSchema, B: JsonSchema, C: JsonSchema>(
        name: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { name, summary, schema: any_of::<A, B, C> }
    }

    /// The format as JSON Schema (draft 2020-12).
    pub(crate) fn schema(&self) -> Schema {
        let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
        let mut schema = (self.schema)(&mut generator);
        schema.insert("title".to_owned(), Value::from(format!("mediamirror {}", self.name)));
        schema.insert("description".to_owned(), Value::from(self.summary));
        schema
    }
}

fn either<One: JsonSchema, List: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let either = [generator.subschema_for::<One>(), generator.subschema_for::<List>()];
    alternatives(generator, either.into())
}

fn any_of<A: JsonSchema, B: JsonSchema, C: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let any = [generator.subschema_for::<A>(), generator.subschema_for::<B>(), generator.subschema_for::<C>()];
    alternatives(generator, any.into())
}

fn alternatives(generator: &mut SchemaGenerator, any: Vec<Schema>) -> Schema {
    let mut schema = generator.root_schema_for::<Value>();
    schema.insert("anyOf".to_owned(), any.into_iter().map(Schema::to_value).collect());
    schema.insert("$defs".to_owned(), Value::Object(generator.take_definitions(true)));
    schema
}
