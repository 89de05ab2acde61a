; What JavaScript and TypeScript, with and without JSX, have in common. Captures: see lsp_server/syntax/grammars.py.

; Definitions
(class_declaration) @definition.class
(function_declaration) @definition.function
(function_expression) @definition.function
(generator_function_declaration) @definition.function
(method_definition) @definition.method
(variable_declarator name: (identifier) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.function
(variable_declarator name: (identifier) @name value: (class body: (class_body) @body)) @definition.class
(assignment_expression left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.function
(assignment_expression
  left: (member_expression object: (this) property: [(property_identifier) (private_property_identifier)] @name)
) @definition.member
(program [(lexical_declaration (variable_declarator name: (identifier) @name) @definition.variable)
          (variable_declaration (variable_declarator name: (identifier) @name) @definition.variable)])
(program (export_statement
  [(lexical_declaration (variable_declarator name: (identifier) @name) @definition.variable)
   (variable_declaration (variable_declarator name: (identifier) @name) @definition.variable)]))
[(lexical_declaration . (variable_declarator) .) (variable_declaration . (variable_declarator) .)
 (export_statement declaration: (_))] @wrapper
(decorator) @decorator

; Imports
(import_statement . source: (string (string_fragment) @import.module))
(import_statement (import_clause (identifier) @import.default) source: (string (string_fragment) @import.module))
(import_statement (import_clause (namespace_import (identifier) @import.alias))
  source: (string (string_fragment) @import.module))
(import_statement (import_clause (named_imports (import_specifier name: (_) @import.name alias: (_)? @import.alias)))
  source: (string (string_fragment) @import.module))
(export_statement (export_clause (export_specifier name: (_) @import.name alias: (_)? @import.alias))
  source: (string (string_fragment) @import.module))
(export_statement "*" @import.name source: (string (string_fragment) @import.module))
(export_statement (namespace_export (_) @import.alias) source: (string (string_fragment) @import.module))
(variable_declarator name: (identifier) @import.alias
  value: (call_expression function: (identifier) @import.require
    arguments: (arguments . (string (string_fragment) @import.module))))
(variable_declarator
  name: (object_pattern
    [(shorthand_property_identifier_pattern) @import.name
     (pair_pattern key: (property_identifier) @import.name value: (identifier) @import.alias)])
  value: (call_expression function: (identifier) @import.require
    arguments: (arguments . (string (string_fragment) @import.module))))
(expression_statement (call_expression function: (identifier) @import.require
  arguments: (arguments . (string (string_fragment) @import.module))))
(call_expression function: (import) arguments: (arguments . (string (string_fragment) @import.module)))

; Names
[(identifier) (property_identifier) (private_property_identifier)
 (shorthand_property_identifier) (shorthand_property_identifier_pattern)] @identifier

; Structure around a cursor
(comment) @comment
[(string) (template_string) (regex)] @string
(template_substitution) @interpolation
[(statement_block) (class_body) (switch_body)] @block.suite
(arguments) @block.arguments
(formal_parameters) @block.parameters
[(object) (array) (object_pattern) (array_pattern) (parenthesized_expression) (subscript_expression)] @block.literal
