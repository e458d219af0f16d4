package linetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// widen makes the description say what it means by its kinds.
//
// LINE describes a family, such as Message with TextMessage and FlexMessage, by a base with a discriminator, which its
// kinds include by allOf. By the letter of OpenAPI such a base says nothing of its kinds: {"type":"text"} without a
// text, and even {"type":"nosuch"}, are fine messages. So every kind is written out whole, and every base becomes one
// of its kinds:
//
//	Message: {properties, discriminator}             Message: {oneOf: [TextMessage, …], discriminator}
//	TextMessage: {allOf: [Message, {properties}]}    TextMessage: {properties of both}
//
// Objects also lose the freedom to hold properties that are not listed: LINE would refuse or ignore a misspelt one.
func widen(doc *openapi3.T) error {
	schemas := doc.Components.Schemas
	for _, schema := range schemas {
		writeOut(schema.Value)
	}
	for name, schema := range schemas {
		base := schema.Value
		if base.Discriminator == nil {
			if len(base.Properties) > 0 {
				base.WithoutAdditionalProperties()
			}
			continue
		}
		for _, value := range slices.Sorted(maps.Keys(base.Discriminator.Mapping)) {
			ref := base.Discriminator.Mapping[value].Ref
			kind := schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
			if kind == nil {
				return fmt.Errorf("%s: %q names %s, which is not described", name, value, ref)
			}
			base.OneOf = append(base.OneOf, &openapi3.SchemaRef{Ref: ref, Value: kind.Value})
		}
	}
	return nil
}

// writeOut replaces what a kind includes by the included properties.
func writeOut(kind *openapi3.Schema) {
	for _, part := range kind.AllOf {
		writeOut(part.Value)
		if kind.Properties == nil {
			kind.Properties = openapi3.Schemas{}
		}
		maps.Copy(kind.Properties, part.Value.Properties)
		kind.Required = append(kind.Required, part.Value.Required...)
	}
	slices.Sort(kind.Required)
	kind.Required = slices.Compact(kind.Required)
	kind.AllOf = nil
}
