"""What looks like a secret does not reach a prompt."""

import pytest

from lsp_server.context.secrets import redacted


@pytest.mark.parametrize(
    "secret",
    [
        'API_KEY = "9f8e7d6c5b4a39281706f5e4"',
        "password: str = 'correct4horse_battery'",
        '"aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1"',
        "const authToken = `abcdefghij0123456789`",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEow unfinished",
    ],
)
def test_a_secret_is_blanked(secret: str) -> None:
    """Keys, tokens and passwords lose their values and the code round them stays."""
    text = redacted(f"before = 1\n{secret}\n")
    assert "…" in text
    assert text.startswith("before = 1\n")
    values = ("9f8e7d", "correct4", "wJalr", "abcdefghij", "IOSFODNN", "012345", "MIIEow")
    assert not any(value in text for value in values)


@pytest.mark.parametrize(
    "code",
    [
        "token = tokens[0]",
        'token_type = "authorization_code_grant"',
        'keys = ["first", "second"]',
        "def get_password(self, user): return self.passwords[user]",
        'secret = os.environ["SECRET_NAME_OF_SERVICE"]',
    ],
)
def test_ordinary_code_is_untouched(code: str) -> None:
    """Names of secrets are no secrets."""
    assert redacted(code) == code
