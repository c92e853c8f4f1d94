"""What people get to see of a release: its site, the catalogue, the subscriptions.

Belongs here: turning facts about a release into pages and files for readers. Not here: building tables (`warehouse`), judging them
(`quality`): facts are handed in.
"""
