; What only the TypeScript grammars have; the rest is in ecmascript.scm.

; Definitions
(abstract_class_declaration) @definition.class
(interface_declaration) @definition.interface
(enum_declaration) @definition.enum
(type_alias_declaration) @definition.type
(internal_module) @definition.module
(module) @definition.module
(function_signature) @definition.function
[(method_signature name: (_) @name) (abstract_method_signature name: (_) @name)] @definition.method
(public_field_definition name: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method
(public_field_definition) @definition.variable
(interface_body (property_signature name: (_) @name) @definition.variable)
(type_alias_declaration value: (object_type (property_signature name: (_) @name) @definition.variable))
(enum_body (property_identifier) @name @definition.constant)
(enum_body (enum_assignment name: (_) @name) @definition.constant)
(required_parameter (accessibility_modifier) pattern: (identifier) @name) @definition.member
(ambient_declaration) @wrapper

; Imports
(import_statement (import_require_clause (identifier) @import.alias source: (string (string_fragment) @import.module)))

; Names
(type_identifier) @identifier

; Structure around a cursor
[(interface_body) (enum_body) (object_type)] @block.suite
[(type_arguments) (type_parameters)] @block.parameters
(template_literal_type) @string
(template_type) @interpolation
