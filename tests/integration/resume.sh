#!/bin/sh
# Uploads a file, however often the connection or the server breaks. Run again after anything, it goes on.
# usage: resume.sh FILE http://HOST:PORT [FOLDER]
set -eu
file=$1 server=$2 folder=${3:-/}

encode() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'; }

# Size, time of change and digest of the head tell this file from others of its name, and from what it was before.
size=$(wc -c <"$file" | tr -d ' ')
fingerprint=$size-$(date -r "$file" +%s)-$(head -c 65536 "$file" | sha256sum | cut -c 1-64)
upload="dir=$(encode "$folder")&name=$(encode "${file##*/}")&size=$size&fingerprint=$fingerprint"

# ask VERB MORE [OPTION OF CURL]...: one call, its JSON in $answer. Fails where trying again will help, else ends.
ask() {
    url="$server/api/upload/$1?$upload$2"
    shift 2
    answer=$(curl -s -w ' %{http_code}' "$@" "$url") || :
    case $answer in
    *' 200') return 0 ;;
    *'"offset_mismatch"'*) return 1 ;;
    esac
    echo "$answer" >&2
    case $answer in
    *'"busy"'* | *' 408' | *' 429') ;;
    *' 4'??) exit 2 ;;
    esac
    sleep 1
    return 1
}

# It is done when the server says so; asked first, that also holds when only the last answer was lost.
until ask complete '' -X POST; do
    ask offset '' || continue
    offset=$(echo "$answer" | sed -n 's/.*"offset": *\([0-9]*\).*/\1/p')
    most=$(echo "$answer" | sed -n 's/.*"maxChunk": *\([0-9]*\).*/\1/p') # --max-request; else all at once
    tail -c "+$((offset + 1))" "$file" | head -c "${most:-$size}" | ask chunk "&offset=$offset" -X POST -T - || [ $? = 1 ]
done
echo "${answer% *}"
