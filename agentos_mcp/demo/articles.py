"""The articles of the Newsroom Archive, the demo's knowledge base: short explainers, and the house style."""

from typing import NamedTuple


class Article(NamedTuple):
    """One document of the archive."""

    title: str
    section: str
    text: str


EXAMPLE_TOPIC = "how to make a good cup of tea"
"""What the content pipeline has written about, and writes about where nobody names a topic."""
HOUSE_STYLE = "House style: write it plainly"

ARTICLES = (
    Article(
        "How a solar panel makes electricity",
        "technology",
        "A solar panel is a sandwich of silicon cells in which light knocks electrons loose. "
        "An electric field built into each solar cell pushes those electrons one way, and that is a current. "
        "A typical rooftop solar panel turns about a fifth of the sunlight it catches into electricity. "
        "Solar panels like light, not heat: they give less power when they are hot. "
        "Most panels lose about half a percent of their output a year and are still useful after 25 years.",
    ),
    Article(
        "Why tea tastes different at 70 and at 100 degrees",
        "food",
        "Green tea and black tea come from the same plant, Camellia sinensis. "
        "Hotter water draws the bitter catechins out of the leaves faster than the sweet amino acids. "
        "That is why green tea is brewed at 70 to 80 degrees, and black tea with water just off the boil. "
        "Two to three minutes of brewing suit most teas; longer mostly adds bitterness. "
        "Cold brewing overnight gives a sweet, mild tea with less caffeine.",
    ),
    Article(
        "What the tide is waiting for",
        "nature",
        "The Moon's gravity pulls harder on the near side of the Earth than on the far side, "
        "and the ocean bulges on both. "
        "Most coasts turn through both bulges in a day, "
        "so a high tide comes about every 12 hours and 25 minutes. "
        "When Sun and Moon pull in line, at new and full moon, the tides are largest: spring tides. "
        "The Bay of Fundy in Canada has the greatest tides in the world, with a range of up to 16 metres.",
    ),
    Article(
        "Sourdough bread: a zoo in a jar",
        "food",
        "A sourdough starter is flour and water in which wild yeast and lactic acid bacteria live together. "
        "The yeast makes the gas that raises the bread; the bacteria make the acids that give it its taste. "
        "The acids also keep mould away and slow staling, which is why sourdough keeps for days. "
        "A starter fed every day at room temperature is ready to bake with after one to two weeks.",
    ),
    Article(
        "Why a moving bicycle stays up",
        "technology",
        "A bicycle stays up because it steers into its fall: leaning left turns the front wheel left, "
        "which brings the wheels back under the rider. "
        "For a century the credit went to the gyroscopic effect and to the trail of the front fork. "
        "In 2011 engineers at Delft and Cornell built a bicycle with neither, and it still balanced itself. "
        "How the weight is spread over the bicycle matters too, and no single cause explains it all.",
    ),
    Article(
        "How bees tell each other where the flowers are",
        "nature",
        "A honey bee that has found flowers comes home and dances. "
        "The angle of her waggle run against the vertical is the angle between the flowers and the sun. "
        "How long she waggles says how far to fly: roughly one second for each kilometre. "
        "Karl von Frisch read the dance of the bees, and shared a Nobel Prize for it in 1973.",
    ),
    Article(
        "What ages a lithium-ion battery",
        "technology",
        "In a lithium-ion battery, lithium ions wander from one electrode to the other when it is used, "
        "and back when it is charged. "
        "Two things age the battery of a phone or an electric car fastest: heat, and resting full or empty. "
        "Keeping the charge between 20 and 80 percent makes a battery last noticeably longer. "
        "Its inventors received the Nobel Prize in Chemistry in 2019.",
    ),
    Article(
        "Why sleep comes in cycles",
        "health",
        "A night of sleep is made of four to six cycles, each about 90 minutes long. "
        "Deep sleep fills the first cycles, and dreaming REM sleep the last ones. "
        "So whoever sleeps two hours less loses mostly dreams, not deep sleep. "
        "Most adults need at least seven hours of sleep.",
    ),
    Article(
        HOUSE_STYLE,
        "newsroom",
        "Say what is new in the first sentence. "
        "Give every paragraph one idea, and name where it comes from. "
        "Cut throat-clearing: basically, actually, of course, needless to say. "
        "Put a number beside something the reader knows. "
        "When we do not know, the house style is to say so.",
    ),
)
