# Completion of the command peerstor for bash. Source it, or install it as
# share/bash-completion/completions/peerstor below /usr/local or ~/.local.
#
# For zsh there is conf/_peerstor, and `twistd peerstor` is completed by what zsh brings along for twisted.

_peerstor() {
    local word=${COMP_WORDS[COMP_CWORD]} before='' options='' words=''
    # bash takes --port=1 apart.
    [ "$word" != = ] || word=''
    if [ "$COMP_CWORD" -gt 0 ]; then before=${COMP_WORDS[COMP_CWORD - 1]}; fi
    if [ "$before" = = ] && [ "$COMP_CWORD" -gt 1 ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    COMPREPLY=()
    case $before in
    --anonymous)
        mapfile -t COMPREPLY < <(compgen -W 'none read create full' -- "$word")
        return ;;
    --trusted-proxy)
        mapfile -t COMPREPLY < <(compgen -W 'unix' -- "$word")
        return ;;
    --cors)
        mapfile -t COMPREPLY < <(compgen -W '* none' -- "$word")
        return ;;
    --log-format)
        mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word")
        return ;;
    --storage | --state)
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return ;;
    --cert | --key | --access-log | --audit-log | --config)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return ;;
    --path | --rights | --expires | --host | --port | --listen | --https-port | --max-connections-per-address | --base-path | --gzip-threshold | --cache-size | --max-upload | --max-request | --upload-expiry | --token | --allow-host | --hsts | --drain) return ;;
    esac
    case "${COMP_WORDS[1]-} ${COMP_WORDS[2]-}" in
    'restore '*)
        options="--force --storage --state --config --help"
        ;;
    'backup '*)
        options="--storage --state --config --help"
        ;;
    'doctor '*)
        options="--host --port --strict-port --listen --https --https-port --cert --key --max-connections-per-address --base-path --storage --state --no-fsync --no-gzip --gzip-threshold --cache-size --max-upload --max-request --upload-expiry --token --anonymous --allow-host --trusted-proxy --cors --hsts --qr --log-format --access-log --audit-log --metrics-open --no-fast-lanes --drain --config --help --version"
        ;;
    'check-config '*)
        options="--host --port --strict-port --listen --https --https-port --cert --key --max-connections-per-address --base-path --storage --state --no-fsync --no-gzip --gzip-threshold --cache-size --max-upload --max-request --upload-expiry --token --anonymous --allow-host --trusted-proxy --cors --hsts --qr --log-format --access-log --audit-log --metrics-open --no-fast-lanes --drain --config --help --version"
        ;;
    'token revoke')
        options="--storage --state --config --help"
        ;;
    'token list')
        options="--json --storage --state --config --help"
        ;;
    'token add')
        options="--storage --state --config --rights --path --expires --help"
        ;;
    'token '*)
        options="--help"
        [ "$COMP_CWORD" != 2 ] || words="add list revoke"
        ;;
    *)
        options="--host --port --strict-port --listen --https --https-port --cert --key --max-connections-per-address --base-path --storage --state --no-fsync --no-gzip --gzip-threshold --cache-size --max-upload --max-request --upload-expiry --token --anonymous --allow-host --trusted-proxy --cors --hsts --qr --log-format --access-log --audit-log --metrics-open --no-fast-lanes --drain --config --help --version"
        [ "$COMP_CWORD" != 1 ] || words="token check-config doctor backup restore" ;;
    esac
    if [[ $word == -* ]]; then words=$options; fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o filenames -F _peerstor peerstor
