"""What comes in: deliveries in the landing folder, their decoding and reading.

Belongs here: finding delivered files, telling what is new, turning a file of any format into rows of text with a certificate; `demo`
writes a demo city's deliveries. Does not belong here: types and rules of columns (`quality`), keeping rows (`warehouse`).
"""
