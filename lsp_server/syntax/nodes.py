"""A text with its tree, nodes by place and places by node. Answers no question about the language."""

import tree_sitter

from lsp_server.syntax import grammars
from lsp_server.syntax.encoded import Encoded
from lsp_server.syntax.languages import Language


class Nodes:
    """The base of `SyntaxTree`. Offsets count characters; tree-sitter's bytes do not leave this class."""

    __slots__ = ("_broken", "_encoded", "_tree", "language", "text")

    def __init__(self, language: Language, encoded: Encoded, tree: tree_sitter.Tree) -> None:
        self.language = language
        self.text = encoded.text
        self._encoded = encoded
        self._tree = tree
        self._broken: list[tree_sitter.Node] | None = None

    def _broken_nodes(self) -> list[tree_sitter.Node]:
        """Skipped and missing nodes. Looks only into nodes that have some, so sound source costs nothing."""
        if self._broken is None:
            broken, stack = [], [self._tree.root_node]
            while stack:
                node = stack.pop()
                if node.is_error or node.is_missing:
                    broken.append(node)
                if node.has_error:
                    stack.extend(child for child in node.children if child.has_error)
            self._broken = broken
        return self._broken

    def _around(self, offset: int, *roles: str) -> list[tuple[str, tree_sitter.Node]]:
        """The nodes with one of these roles that hold the character at `offset`, innermost first."""
        if not 0 <= offset < len(self.text):
            return []
        known = grammars.roles(self.language)
        return [
            (role, node)
            for node in self._path(offset)
            if node.is_named and (role := known.get(node.type)) is not None and role in roles
        ]

    def _path(self, offset: int) -> list[tree_sitter.Node]:
        """The nodes that hold the character at `offset`, innermost first.

        By a cursor from the root, because `Node.parent` also searches from the root, for each step.
        """
        byte = self._byte(offset)
        cursor = self._tree.walk()
        path = [self._tree.root_node]
        while cursor.goto_first_child_for_byte(byte) is not None:
            node = cursor.node
            if node is None or not node.start_byte <= byte < node.end_byte:
                break
            path.append(node)
        path.reverse()
        return path

    def _before(self, offset: int) -> int | None:
        """The last character before `offset` that is neither white space nor in a comment."""
        while True:
            offset = len(self.text[:offset].rstrip())
            if not offset:
                return None
            comment = next((node for role, node in self._around(offset - 1, "comment")), None)
            if comment is None:
                return offset - 1
            offset = self._span(comment)[0]

    def _after(self, offset: int) -> int | None:
        """The first character from `offset` on that is not white space."""
        while offset < len(self.text) and self.text[offset].isspace():
            offset += 1
        return offset if offset < len(self.text) else None

    def _line_start(self, offset: int) -> int:
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def _line_end(self, offset: int) -> int:
        ends = [end for mark in "\r\n" if (end := self.text.find(mark, offset)) >= 0]
        return min(ends, default=len(self.text))

    def _span(self, node: tree_sitter.Node) -> tuple[int, int]:
        return self._offset(node.start_byte), self._offset(node.end_byte)

    def _source(self, node: tree_sitter.Node) -> str:
        start, end = self._span(node)
        return self.text[start:end]

    def _byte(self, offset: int) -> int:
        return self._encoded.byte(offset)

    def _offset(self, byte: int) -> int:
        return self._encoded.offset(byte)

    def _clamped(self, offset: int) -> int:
        return min(max(offset, 0), len(self.text))

    @staticmethod
    def _lacks_closer(node: tree_sitter.Node) -> bool:
        """Did tree-sitter have to invent the token that ends this node?"""
        end = node.end_byte
        while node.end_byte == end:
            if not node.child_count:
                return node.is_missing
            node = node.child(node.child_count - 1)
        return False


def indentation(text: str, line: int) -> str:
    """The white space at the start of the line that begins at `line`."""
    end = line
    while end < len(text) and text[end] in " \t\f":
        end += 1
    return text[line:end]


def width(indentation: str) -> int:
    """Columns, with tab stops every eight, as Python counts them."""
    return len(indentation.expandtabs(8))
