"""Plumbing over twisted.web: streaming bodies, spans of files, ranges, preconditions, content coding.

Plain numbers and bytes; nothing in this room knows PeerStor.
"""
