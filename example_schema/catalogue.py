"""The demo shop's products, and names for its customers. Nothing here is real."""

import random
from decimal import Decimal
from itertools import product as every_pair

from .models import Product

# category: (code of its SKUs, styles, {item: price from which its variants are drawn})
RANGES: dict[str, tuple[str, str, dict[str, int]]] = {
    "Kitchen": (
        "KIT",
        "Walnut|Beech|Enamel|Copper|Cast Iron|Steel|Ceramic|Slate|Stoneware|Bamboo",
        {
            "Bread Box": 39, "Butter Dish": 19, "Cake Stand": 34, "Coffee Dripper": 24,
            "Fruit Bowl": 29, "Kettle": 59, "Mixing Bowl": 22, "Pepper Mill": 27,
            "Salt Cellar": 14, "Serving Tray": 32, "Spice Rack": 36, "Trivet": 12,
            "Utensil Jar": 18,
        },
    ),
    "Home": (
        "HOM",
        "Linen|Wool|Cotton|Velvet|Rattan|Oak|Brass|Jute|Felt|Recycled",
        {
            "Basket": 28, "Bench Pad": 42, "Blanket": 79, "Coat Rack": 64, "Cushion": 29,
            "Doormat": 24, "Footstool": 89, "Lampshade": 48, "Picture Frame": 19,
            "Rug": 129, "Storage Box": 23, "Throw": 59, "Wall Clock": 54,
        },
    ),
    "Garden": (
        "GAR",
        "Terracotta|Zinc|Cedar|Willow|Galvanised|Teak|Glazed|Forged|Folding|Hanging",
        {
            "Bird Feeder": 22, "Cold Frame": 74, "Hand Fork": 16, "Lantern": 34,
            "Plant Stand": 46, "Planter": 38, "Potting Bench": 149, "Seed Tray": 12,
            "Side Table": 84, "Trellis": 44, "Trowel": 17, "Watering Can": 33, "Wind Chime": 26,
        },
    ),
    "Stationery": (
        "STA",
        "Dotted|Ruled|Plain|Marbled|Cloth-bound|Pocket|Recycled|Botanical|Letterpress|Slim",
        {
            "Address Book": 16, "Calendar": 21, "Card Set": 12, "Clipboard": 14,
            "Desk Diary": 24, "Document Wallet": 19, "Envelope Pack": 8, "Journal": 22,
            "Memo Pad": 7, "Notebook": 13, "Pencil Case": 15, "Sketchbook": 18, "Wrapping Set": 11,
        },
    ),
    "Outdoor": (
        "OUT",
        "Ultralight|Trail|Alpine|Coastal|Insulated|Waterproof|Packable|Canvas|Two-person|Classic",
        {
            "Backpack": 99, "Camp Chair": 69, "Cool Bag": 44, "Day Sack": 54, "Dry Bag": 24,
            "Flask": 29, "Hammock": 74, "Headlamp": 36, "Picnic Rug": 49, "Rain Cape": 64,
            "Shelter": 189, "Sleeping Mat": 79, "Tote": 32,
        },
    ),
    "Toys": (
        "TOY",
        "Wooden|Painted|Soft|Magnetic|Giant|Mini|Rainbow|Musical|Woodland|Stacking",
        {
            "Alphabet Set": 24, "Animals": 21, "Blocks": 27, "Castle": 59, "Dominoes": 14,
            "Farm": 49, "Game Box": 34, "Mobile": 26, "Puzzle": 17, "Railway": 64,
            "Shape Sorter": 23, "Spinning Top": 9, "Theatre": 54,
        },
    ),
    "Audio": (
        "AUD",
        "Studio|Travel|Wireless|Desktop|Compact|Retro|Reference|Active|Portable|Open-back",
        {
            "Amplifier": 199, "Cable Kit": 19, "Carry Case": 29, "Earphones": 59,
            "Equaliser": 119, "Headphones": 129, "Headset": 79, "Microphone": 109,
            "Mixer": 169, "Radio": 89, "Recorder": 139, "Speaker": 99, "Turntable": 229,
        },
    ),
    "Bath": (
        "BAT",
        "Lavender|Cedarwood|Sea Salt|Oat|Rosemary|Unscented|Citrus|Fig|Mint|Rose",
        {
            "Bath Oil": 18, "Bath Soak": 14, "Body Lotion": 19, "Body Scrub": 17, "Candle": 24,
            "Diffuser": 34, "Gift Set": 39, "Hand Balm": 12, "Hand Wash": 13, "Pillow Mist": 16,
            "Shampoo Bar": 9, "Shower Gel": 11, "Soap Bar": 6,
        },
    ),
}  # fmt: skip

# The share of products that are nearly sold out, so that the inventory alert has rows.
LOW_STOCK_SHARE = 1 / 45
LOW_STOCK = 10

FIRST_NAMES = (
    "Ada", "Aisha", "Alice", "Amir", "André", "Anya", "Ben", "Carla", "Chloé", "Chen", "Clara",
    "Daniel", "Diego", "Elena", "Elif", "Emil", "Emma", "Farah", "Felix", "Fiona", "Grace", "Hana",
    "Hugo", "Ida", "Ines", "Isaac", "Ivan", "Jana", "João", "Jonas", "José", "Julia", "Kai",
    "Karim", "Kenji", "Lea", "Leon", "Lina", "Lucía", "Luka", "Mae", "Malik", "Marta", "Maya",
    "Mei", "Milan", "Nadia", "Nils", "Noah", "Nora", "Olga", "Omar", "Oscar", "Paula", "Petra",
    "Priya", "Rafael", "Rosa", "Ruth", "Samir", "Sara", "Sofia", "Stefan", "Tara", "Theo", "Tomás",
    "Vera", "Victor", "Yara", "Yusuf", "Zoë",
)  # fmt: skip
LAST_NAMES = (
    "Adeyemi", "Ahmed", "Almeida", "Andersson", "Baker", "Bauer", "Bennett", "Bianchi", "Brandt",
    "Castro", "Clarke", "Costa", "Dahl", "Diallo", "Dubois", "Eriksen", "Evans", "Farkas",
    "Ferrari", "Fischer", "Foster", "García", "Gruber", "Haddad", "Hansen", "Hayes", "Hoffmann",
    "Ibrahim", "Ivanova", "Jansen", "Kaya", "Kelly", "Khan", "Kovács", "Kowalski", "Lambert",
    "Larsen", "Lee", "Lindqvist", "Lopez", "Marino", "Martin", "Meyer", "Moreau", "Morgan",
    "Müller", "Murphy", "Nakamura", "Ndiaye", "Nguyen", "Novak", "Okafor", "Olsen", "Park", "Patel",
    "Pereira", "Popescu", "Reed", "Rossi", "Santos", "Sato", "Schmidt", "Silva", "Singh", "Suzuki",
    "Tanaka", "Varga", "Vogel", "Walsh", "Weber", "Wong", "Young", "Zhang",
)  # fmt: skip
# Larger cities first: the share of customers falls along the list.
CITIES = (
    "London", "Berlin", "Paris", "Madrid", "Rome", "Amsterdam", "Vienna", "Hamburg", "Barcelona",
    "Munich", "Milan", "Lisbon", "Dublin", "Prague", "Warsaw", "Copenhagen", "Stockholm",
    "Brussels", "Zurich", "Oslo", "Helsinki", "Lyon", "Porto", "Ghent", "Utrecht", "Graz", "Bergen",
    "Leeds",
)  # fmt: skip


def make_products(rng: random.Random, count: int) -> list[Product]:
    """Return *count* products, not yet saved, with unique names and SKUs."""
    names = [
        (category, f"{style} {item}", base)
        for category, (_, styles, items) in RANGES.items()
        for style, (item, base) in every_pair(styles.split("|"), items.items())
    ]
    rng.shuffle(names)
    numbers = dict.fromkeys(RANGES, 0)
    products = []
    for index in range(count):
        edition, position = divmod(index, len(names))
        category, name, base = names[position]
        numbers[category] += 1
        products.append(
            Product(
                name=name if edition == 0 else f"{name} No. {edition + 1}",
                sku=f"{RANGES[category][0]}-{numbers[category]:04d}",
                category=category,
                price=retail_price(base * rng.uniform(0.75, 1.5)),
                stock=LOW_STOCK + int(rng.lognormvariate(4.2, 0.8)),
            )
        )
    for product in rng.sample(products, max(1, round(count * LOW_STOCK_SHARE))):
        product.stock = rng.randrange(LOW_STOCK)
    return products


def retail_price(amount: float) -> Decimal:
    """Round *amount* the way shops do: 23.71 becomes 23.90."""
    return Decimal(int(amount)) + Decimal("0.90")
