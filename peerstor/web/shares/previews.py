"""Programs that look at a link before anybody opens it: they are told of a file, and not given it."""

import re

from peerstor.http.request import StreamingRequest

_NAMES = (
    # chat and mail
    b"whatsapp", b"telegrambot", b"slackbot", b"slack-imgproxy", b"discordbot", b"skypeuripreview",
    b"microsoftpreview", b"signal-desktop", b"mattermost", b"rocket.chat", b"matrix-media-repo", b"synapse",
    b"viber", b"linebot", b"line-poker", b"kakaotalk-scrap", b"zulipurlpreview", b"iframely", b"embedly",
    b"facebookexternalhit", b"facebot", b"meta-externalfetcher", b"linkedinbot", b"twitterbot", b"pinterestbot",
    b"redditbot", b"mastodon", b"pleroma", b"misskey", b"bluesky cardyb", b"vkshare", b"tumblr",
    b"snap url preview", b"outlook-linkpreview", b"googleimageproxy", b"yahoomailproxy",
    # what mail scanners and search engines say they are
    b"googlebot", b"google-inspectiontool", b"bingbot", b"bingpreview", b"applebot", b"duckduckbot", b"yandexbot",
    b"yandex.com/bots", b"baiduspider", b"petalbot", b"ahrefsbot", b"semrushbot", b"mj12bot", b"gptbot",
    b"claudebot", b"ccbot", b"bytespider", b"amazonbot", b"ia_archiver", b"safelinks", b"proofpoint", b"barracuda",
)  # fmt: skip

_PREVIEWS = re.compile(b"|".join(map(re.escape, _NAMES)), re.IGNORECASE)


def is_preview(request: StreamingRequest) -> bool:
    """Tell whether a request says that it comes from a robot.

    Nothing hangs on its truth but a download that counts: who says so gets a page instead of the bytes. A browser
    that fetches ahead of a click counts as one too.
    """
    headers = request.requestHeaders
    for name in (b"sec-purpose", b"purpose", b"x-moz"):
        if any(b"prefetch" in value.lower() for value in headers.getRawHeaders(name, [])):
            return True
    return any(_PREVIEWS.search(agent) for agent in headers.getRawHeaders(b"user-agent", []))
