"""Which licences may be learnt from, in the words of every registry."""

from email.message import Message

import pytest

from models.train.packages import licences


def metadata(expression: str = "", text: str = "", classifiers: tuple[str, ...] = ()) -> Message:
    message = Message()
    for name, value in (("License-Expression", expression), ("License", text)):
        if value:
            message[name] = value
    for classifier in classifiers:
        message["Classifier"] = f"License :: OSI Approved :: {classifier}"
    return message


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("MIT OR GPL-2.0-only", True),
        ("GPL-2.0-only OR (Apache-2.0 AND MIT)", True),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", False),
        ("MIT AND LGPL-3.0-or-later", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("EPL-2.0", False),
        ("LicenseRef-Proprietary", False),
        ("(MIT", False),
        ("MIT MIT", False),
        ("AND", False),
        ("", False),
    ],
)
def test_an_expression_is_allowed_where_every_needed_side_is(expression: str, allowed: bool) -> None:
    assert licences.allowed(expression) == allowed


def test_the_expression_of_a_wheel_counts_before_its_classifiers() -> None:
    assert licences.of_metadata(metadata("MIT OR GPL-2.0", classifiers=("GNU General Public License (GPL)",))) == (
        "MIT OR GPL-2.0"
    )


def test_several_classifiers_must_all_be_allowed() -> None:
    found = licences.of_metadata(metadata(classifiers=("BSD License", "GNU General Public License (GPL)")))
    assert found is not None
    assert not licences.allowed(found)
    assert licences.of_metadata(metadata(classifiers=("BSD License", "MIT License"))) == "BSD AND MIT"


def test_a_classifier_outside_the_list_is_refused() -> None:
    found = licences.of_metadata(metadata(classifiers=("Other/Proprietary License",)))
    assert found is not None
    assert not licences.allowed(found)


def test_a_free_text_that_names_another_licence_spoils_a_friendly_classifier() -> None:
    assert licences.of_metadata(metadata(text="LGPL v3", classifiers=("MIT License",))) is None


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("MIT", "MIT"),
        ("The MIT License (MIT)", "MIT"),
        ("MIT License\n\nCopyright (c) 2020 Somebody", "MIT"),
        ("Expat", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("Apache 2", "Apache-2.0"),
        ("BSD 3-Clause License", "BSD-3-Clause"),
        ("new BSD", "BSD-3-Clause"),
        ("PSF", "PSF-2.0"),
        ("The Unlicense", "Unlicense"),
        ("GPL v3", None),
        ("any-OSI", None),
        ("", None),
    ],
)
def test_people_s_words_for_a_licence_are_understood(text: str, licence: str | None) -> None:
    assert licences.of_text(text) == licence


@pytest.mark.parametrize(
    ("words", "expression"),
    [
        ("Expat", "MIT"),
        ("Expat or GPL-2+", "MIT OR LicenseRef-GPL-2+"),
        ("BSD-3-clause and Apache-2.0", "BSD-3-Clause AND Apache-2.0"),
        ("Expat or Apache-2.0, and GPL-2", "(MIT OR Apache-2.0) AND (LicenseRef-GPL-2)"),
    ],
)
def test_debian_s_short_names_become_expressions(words: str, expression: str) -> None:
    assert licences.of_debian(words) == expression


def test_a_comma_binds_weaker_than_the_words() -> None:
    assert not licences.allowed(licences.of_debian("Expat or Apache-2.0, and GPL-2"))


@pytest.mark.parametrize(
    ("stated", "licence"),
    [
        ({"license": "ISC"}, "ISC"),
        ({"license": "(MIT OR GPL-3.0)"}, "(MIT OR GPL-3.0)"),
        ({"license": {"type": "MIT", "url": "x"}}, "MIT"),
        ({"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}, "MIT OR GPL-2.0"),
        ({}, None),
        ({"license": None}, None),
        ({"licenses": []}, None),
    ],
)
def test_every_form_of_package_json_is_read(stated: dict[str, object], licence: str | None) -> None:
    assert licences.of_package_json(stated) == licence


@pytest.mark.parametrize(
    ("head", "forbidden"),
    [
        ("# SPDX-License-Identifier: MIT\n", False),
        ("// SPDX-License-Identifier: GPL-2.0 OR MIT\n", False),
        ("/* SPDX-License-Identifier: LGPL-2.1-or-later */\n", True),
        ("# under the GNU General Public License\n", True),
        ("# This Source Code Form is subject to the Mozilla Public License\n", True),
        ("import os\n", False),
    ],
)
def test_a_header_can_forbid_one_file(head: str, forbidden: bool) -> None:
    assert licences.forbidden_header(head) == forbidden
