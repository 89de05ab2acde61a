"""What looks like a secret does not reach a prompt."""

import pytest

from lsp_server.context.secrets import redacted, redacted_parts


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


KEY = "\n".join("MIIE" + f"{number:02}" * 30 for number in range(9))


@pytest.mark.parametrize(
    "window",
    [
        f"{KEY}\nMIIEshort\n-----END RSA PRIVATE KEY-----\n",
        f"{KEY}\n",
        "".join(f'    "{line}\\n"\n' for line in KEY.split("\n")),
    ],
)
def test_a_window_into_a_key_shows_nothing_of_it(window: str) -> None:
    """A long key's first line often lies above the prompt."""
    assert redacted(f"{window}after = 1\n").strip() in ("…\nafter = 1", "…after = 1")


def test_parts_of_a_text_stay_apart() -> None:
    """A value across a border loses both its halves, and the borders stay where they were."""
    assert redacted_parts(['a = 1\ntoken = "abcdefgh', "ij0123456789", '"\nb = 2\n']) == [
        'a = 1\ntoken = "…',
        "…",
        '"\nb = 2\n',
    ]
    assert redacted_parts(["a = ", "", "1\n"]) == ["a = ", "", "1\n"]
