; What only the JavaScript grammar has; the rest is in ecmascript.scm.

(field_definition property: (_) @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method
(field_definition property: (_) @name) @definition.variable
