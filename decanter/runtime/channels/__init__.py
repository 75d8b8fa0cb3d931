"""Channels in Centrifugo's JSON client protocol."""
