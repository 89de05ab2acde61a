"""Which file an import refers to, in the languages whose rule is a few lines."""

from pathlib import Path

import pytest

from lsp_server.index.resolve import Root, resolve, roots_in
from lsp_server.index.values import Import
from tests.unit.index.listed import Listed

FILES = Listed(
    (
        "src/main/java/shop/Order.java",
        "src/main/java/shop/tax/Rate.java",
        "src/main/kotlin/shop/util/text.kt",
        "src/main/scala/shop/Money.scala",
        "core/src/lib.rs",
        "core/src/money.rs",
        "core/src/tax/mod.rs",
        "core/src/tax/rates.rs",
        "tool/src/main.rs",
        "cpp/src/order.cpp",
        "cpp/src/order.h",
        "cpp/include/shop/money.h",
        "gem/lib/shop.rb",
        "gem/lib/shop/money.rb",
        "gem/spec/shop_spec.rb",
        "lua/shop/money.lua",
        "lua/shop/init.lua",
        "bin/run.sh",
        "bin/lib/util.sh",
        "web/app/Util/Money.php",
        "web/public/index.php",
        "web/public/helpers.php",
    ),
    (
        Root("rust", "", "shop_core", "core/src"),
        Root("php", "web", "Shop\\", "web/app"),
    ),
)


@pytest.mark.parametrize(
    ("path", "language", "module", "name", "found"),
    [
        ("src/main/java/shop/Order.java", "java", "shop.tax", "Rate", "src/main/java/shop/tax/Rate.java"),
        ("src/main/java/shop/Order.java", "java", "shop.tax.Rate", "of", "src/main/java/shop/tax/Rate.java"),
        ("src/main/java/shop/Order.java", "java", "shop.tax.Rate", "*", "src/main/java/shop/tax/Rate.java"),
        ("src/main/java/shop/Order.java", "java", "shop.tax", "*", None),
        ("src/main/java/shop/Order.java", "java", "java.util", "List", None),
        ("src/test/java/shop/OrderTest.java", "java", "shop", "Order", "src/main/java/shop/Order.java"),
        ("src/main/java/shop/Order.java", "kotlin", "shop.util", "shorten", "src/main/kotlin/shop/util/text.kt"),
        ("src/test/kotlin/shop/A.kt", "kotlin", "shop", "Order", "src/main/java/shop/Order.java"),
        ("src/main/java/shop/Order.java", "scala", "shop", "Money", "src/main/scala/shop/Money.scala"),
        ("core/src/lib.rs", "rust", "money", None, "core/src/money.rs"),
        ("core/src/lib.rs", "rust", "tax", None, "core/src/tax/mod.rs"),
        ("core/src/tax/mod.rs", "rust", "rates", None, "core/src/tax/rates.rs"),
        ("core/src/tax/rates.rs", "rust", "crate::money", "Money", "core/src/money.rs"),
        ("core/src/tax/rates.rs", "rust", "crate", "open", "core/src/lib.rs"),
        ("core/src/tax/rates.rs", "rust", "super", "Rate", "core/src/tax/mod.rs"),
        ("core/src/tax/rates.rs", "rust", "super::super::money", "*", "core/src/money.rs"),
        ("core/src/tax/mod.rs", "rust", "self::rates", "Rate", "core/src/tax/rates.rs"),
        ("tool/src/main.rs", "rust", "shop_core::tax::rates", "Rate", "core/src/tax/rates.rs"),
        ("tool/src/main.rs", "rust", "shop_core", "open", "core/src/lib.rs"),
        ("core/src/lib.rs", "rust", "std::collections", "HashMap", None),
        ("core/src/lib.rs", "rust", "serde", "Serialize", None),
        ("cpp/src/order.cpp", "cpp", "order.h", None, "cpp/src/order.h"),
        ("cpp/src/order.cpp", "cpp", "shop/money.h", None, "cpp/include/shop/money.h"),
        ("cpp/src/order.cpp", "cpp", "<shop/money.h>", None, "cpp/include/shop/money.h"),
        ("cpp/src/order.cpp", "c", "<order.h>", None, None),
        ("cpp/src/order.cpp", "c", "../../../outside.h", None, None),
        ("gem/lib/shop.rb", "ruby", "./shop/money", None, "gem/lib/shop/money.rb"),
        ("gem/spec/shop_spec.rb", "ruby", "shop/money", None, "gem/lib/shop/money.rb"),
        ("gem/spec/shop_spec.rb", "ruby", "json", None, None),
        ("lua/main.lua", "lua", "shop.money", None, "lua/shop/money.lua"),
        ("spec/main.lua", "lua", "shop", None, "lua/shop/init.lua"),
        ("bin/run.sh", "bash", "./lib/util.sh", None, "bin/lib/util.sh"),
        ("bin/run.sh", "bash", '$(dirname "$0")/lib/util.sh', None, "bin/lib/util.sh"),
        ("tests/run.sh", "bash", "${ROOT}/bin/lib/util.sh", None, "bin/lib/util.sh"),
        ("web/public/index.php", "php", "Shop\\Util", "Money", "web/app/Util/Money.php"),
        ("web/public/index.php", "php", "Symfony\\Util", "Money", None),
        ("web/public/index.php", "php", "/helpers.php", None, "web/public/helpers.php"),
        ("a.cs", "csharp", "System", None, None),
        ("a.swift", "swift", "Foundation", None, None),
    ],
)
def test_an_import_leads_to_its_file(
    path: str, language: str, module: str, name: str | None, found: str | None
) -> None:
    """By the language's rule; what lies outside the workspace is nowhere."""
    assert resolve(FILES, path, language, Import(module, name, None, 0)) == found


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("tool/Cargo.toml", '[package]\nname = "shop-core"\n', [Root("rust", "", "shop_core", "tool/src")]),
        ("Cargo.toml", '[workspace]\nmembers = ["tool"]\n', []),
        ("Cargo.toml", "[package\n", []),
        (
            "web/composer.json",
            '{"autoload": {"psr-4": {"Shop\\\\": "app/", "Test\\\\": ["a", "b"]}}}',
            [
                Root("php", "web", "Shop\\", "web/app"),
                Root("php", "web", "Test\\", "web/a"),
                Root("php", "web", "Test\\", "web/b"),
            ],
        ),
        ("composer.json", '{"autoload": [1]}', []),
        ("composer.json", "[]", []),
    ],
)
def test_project_files_say_where_modules_lie(tmp_path: Path, file: str, text: str, said: list[Root]) -> None:
    """Broken ones say nothing."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert roots_in(tmp_path, file) == said
