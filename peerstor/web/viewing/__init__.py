"""Looking at files without downloading them: pages of their own, Markdown, a folder's README, QR codes."""
