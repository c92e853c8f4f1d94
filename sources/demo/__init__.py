"""A demo city: deliveries as offices write them, with all the damage of real ones, and beside them the truth.

Everything is invented except the names of province, city, district, streets and communities; nobody in it exists. Belongs here: the
generator. Not here: reading deliveries (`sources`).
"""

from sources.demo.deliveries import DemoSummary, write_deliveries

__all__ = ["DemoSummary", "write_deliveries"]
