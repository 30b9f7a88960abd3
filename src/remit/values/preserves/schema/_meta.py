"""The schema of schemas ("Preserves Schema", appendix *Metaschema*), as it is published in `protocols/schema.prs`."""

from __future__ import annotations

from typing import Final

__all__ = ["METASCHEMA"]

METASCHEMA: Final = """\
version 1 .

# Several schemas, by the paths of their modules.
Bundle = <bundle @modules Modules> .
Modules = {ModulePath: Schema ...:...} .
ModulePath = [symbol ...] .

Schema = <schema {version: Version, embeddedType: EmbeddedTypeName, definitions: Definitions}> .
Version = 1 .
EmbeddedTypeName = #f / Ref .
Definitions = {symbol: Definition ...:...} .

# Two alternatives at least, tried in this order; or two parts at least, of one value.
Definition =
  / <or [@pattern0 NamedAlternative @pattern1 NamedAlternative @patternN NamedAlternative ...]>
  / <and [@pattern0 NamedPattern @pattern1 NamedPattern @patternN NamedPattern ...]>
  / Pattern
.
NamedAlternative = [@variantLabel string @pattern Pattern] .

Pattern = SimplePattern / CompoundPattern .

# Patterns for one value, of which nothing is taken apart.
SimplePattern =
  / =any
  / <atom @atomKind AtomKind>
  / <embedded @interface SimplePattern>
  / <lit @value any>
  / <seqof @pattern SimplePattern>
  / <setof @pattern SimplePattern>
  / <dictof @key SimplePattern @value SimplePattern>
  / Ref
.
AtomKind = =Boolean / =Double / =SignedInteger / =String / =ByteString / =Symbol .

# The empty path is the module of the reference.
Ref = <ref @module ModulePath @name symbol> .

# Patterns for the parts of a value.
CompoundPattern =
  / <rec @label NamedPattern @fields NamedPattern>
  / <tuple @patterns [NamedPattern ...]>
  / @tuplePrefix <tuplePrefix @fixed [NamedPattern ...] @variable NamedSimplePattern>
  / <dict @entries DictionaryEntries>
.
DictionaryEntries = {any: NamedSimplePattern ...:...} .

NamedPattern = @named Binding / @anonymous Pattern .
NamedSimplePattern = @named Binding / @anonymous SimplePattern .
Binding = <named @name symbol @pattern SimplePattern> .
"""
