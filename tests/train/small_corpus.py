"""A corpus of a few small packages, and a tokenizer learnt from them, as the stages before `pack` leave them."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

from models.train.packages.manifest import Entry
from models.train.stage import Workplace

STORE = '''"""Keeps orders."""

from shop.order import Order


class Store:
    """Where orders are kept until they are sent."""

    def __init__(self, name: str, room: int = 10) -> None:
        self.name = name
        self.room = room
        self.orders: list[Order] = []

    def add(self, order: Order, urgent: bool = False) -> bool:
        """Adds an order unless there is no room.

        Urgent orders come first.
        """
        if len(self.orders) >= self.room:
            return False
        if urgent:
            self.orders.insert(0, order)
            order.note("urgent")
        else:
            self.orders.append(order)
        return True

    def total(self) -> float:
        total = sum(order.total(discount=self.discount(order.customer), rounded=True) for order in self.orders)
        return round(total, 2)

    def discount(self, customer: str) -> float:
        if customer.startswith("friend "):
            return 0.1
        return 0.0
'''

ORDER = '''"""One order of a customer."""


class Order:
    """What a customer wants and where it goes."""

    def __init__(self, customer: str, street: str, prices: dict[str, float]) -> None:
        self.customer = customer
        self.street = street
        self.prices = prices
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Remembers something about the order."""
        self.notes.append(f"{self.customer}: {text}")

    def total(self, discount: float, rounded: bool = False) -> float:
        amount = sum(self.prices.values()) * (1.0 - discount)
        if rounded:
            amount = round(amount, 2)
            self.note("rounded to cents")
        return amount
'''

CART = """// Carts of the shop's page.
import { Price } from "./price";

/** What a visitor has put aside so far. */
export class Cart {
  private prices: Map<string, Price> = new Map();

  add(name: string, price: Price): void {
    const known = this.prices.get(name);
    if (known !== undefined) {
      this.prices.set(name, known.plus(price));
      return;
    }
    this.prices.set(name, price);
  }

  total(discount: number): Price {
    let total = Price.zero("EUR");
    for (const price of this.prices.values()) {
      total = total.plus(price.times(1 - discount));
    }
    return total;
  }
}
"""


def write(workplace: Workplace, packages: Mapping[tuple[str, str, str], Mapping[str, str]]) -> None:
    """The corpus stage's files. packages: (kind, name, split) and the texts by path."""
    folder = workplace.folder("corpus")
    (folder / "packages").mkdir(exist_ok=True)
    listed = []
    for (kind, name, split), files in packages.items():
        with gzip.open(folder / "packages" / f"{Entry(kind, name, '1.0').key}.jsonl.gz", "wt", encoding="utf-8") as out:
            for path, text in files.items():
                out.write(json.dumps({"path": path, "text": text}) + "\n")
        listed.append(
            {
                "kind": kind,
                "name": name,
                "version": "1.0",
                "licence": "MIT",
                "language": "python",
                "files": len(files),
                "characters": sum(map(len, files.values())),
                "split": split,
            }
        )
    (folder / "packages.json").write_text(json.dumps(listed), encoding="utf-8")
    workplace.finish("corpus", manifest="of the test")


def shops(root: Path) -> Workplace:
    """Three packages to learn from, one held out."""
    workplace = Workplace(root)
    shop = {"shop/store.py": STORE, "shop/order.py": ORDER}
    write(
        workplace,
        {
            ("pypi", "shop", "train"): shop,
            ("npm", "@shop/page", "train"): {"src/cart.ts": CART, "src/again.ts": CART.replace("Cart", "Basket")},
            ("pypi", "kiosk_x", "train"): {path.replace("shop", "kiosk"): text for path, text in shop.items()},
            ("pypi", "stall", "valid"): {path.replace("shop", "stall"): text for path, text in shop.items()},
        },
    )
    return workplace
