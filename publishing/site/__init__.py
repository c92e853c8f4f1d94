"""The release site: static pages in Chinese and English, for readers with a file share and a browser and nothing else.

Belongs here: pages, pictures and their words, made from facts that are handed in (`facts.Facts`). Not here: reading a lake or a release,
running checks, making lineage. No page loads anything from outside its own folder, and none needs a script to be read.
"""
