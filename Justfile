# The dozen things a person does here. `./dev` lists them; `./dev RECIPE` runs one.
# Everything slow to make lives outside the checkout, so that a second checkout on the same machine is warm.

set shell := ["bash", "-euo", "pipefail", "-c"]

cache := env("BARBOSSA_DEV_CACHE", "/var/cache/barbossa-dev")
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", cache / "target")
export CARGO_INCREMENTAL := "1"
# Cached bytecode would be the only thing that a test run leaves in the checkout.
export PYTHONDONTWRITEBYTECODE := "1"

# Debian's own Python: the packages that the tests need are Debian's too, but for those that look at the pages.
python := "/usr/bin/python3"
python_with_browser := cache / "browser/bin/python"
package := python + " tests/machine/package.py"
machine := python + " tests/machine/machine.py"
debian_packages := """
    git gcc libc6-dev ffmpeg libchromaprint-tools postgresql redis-server
    mmdebstrap debian-archive-keyring systemd-container iproute2 util-linux
    dpkg-dev apt-utils gnupg xz-utils python3 python3-pytest python3-venv curl wrk
    rsync unzip zip bindfs exfat-fuse exfatprogs strace openssl rclone restic
"""
# One profile for everything, so that each dependency is compiled once.
profile := "--release --locked"
# What `deb`, `up` and `install` package.
program_profile := env("BARBOSSA_PROFILE", "release")

[private]
default:
    @just --list --unsorted

# Install what building and testing need, if it is missing (Debian packages; as root)
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    cd {{ quote(justfile_directory()) }}
    wanted=({{ debian_packages }})
    missing=()
    for package in "${wanted[@]}"; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == "install ok installed" ]] || missing+=("$package")
    done
    apt() {
        if [ "$(id -u)" -ne 0 ]; then
            echo "barbossa: missing: ${missing[*]}; run this as root once (sudo ./dev setup)" >&2
            exit 1
        fi
        DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >/dev/null
    }
    if ((${#missing[@]})); then
        echo "installing ${missing[*]}"
        apt update
        apt install -y --no-install-recommends "${missing[@]}"
    fi
    # As programs: whoever has a newer one than Debian's keeps it. chromium shows the pages to the tests.
    missing=()
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    command -v chromium >/dev/null || missing+=(chromium)
    if ((${#missing[@]})); then
        echo "installing ${missing[*]}"
        apt update
        apt install -y --no-install-recommends "${missing[@]}"
    fi
    has_rust() {
        local version
        version=$(cargo --version 2>/dev/null | cut -d' ' -f2) && printf '1.89\n%s\n' "$version" | sort --check=quiet --version-sort
    }
    if ! has_rust; then
        # Debian 13 itself has an older one; the same mirror has the newer in trixie-backports.
        missing=(cargo rustc rust-clippy rustfmt)
        source=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI) $(SIGNED_BY)' 'Created-By: Packages' | sed -n 's/^trixie main //p' | head -n 1)
        if [ -z "$source" ]; then
            echo "barbossa: cargo 1.89 or newer is needed (rustup brings it), and this is not Debian 13, whose backports have it" >&2
            exit 1
        fi
        echo "installing ${missing[*]} from trixie-backports"
        read -r uri key <<<"$source"
        {
            printf 'Types: deb\nURIs: %s\nSuites: trixie-backports\nComponents: main\n' "$uri"
            [[ $key != /* ]] || printf 'Signed-By: %s\n' "$key"
        } >/etc/apt/sources.list.d/barbossa-backports.sources
        apt update
        apt install -y --no-install-recommends -t trixie-backports "${missing[@]}"
        has_rust
    fi
    mkdir -p {{ quote(cache) }} "$CARGO_TARGET_DIR"
    # What holds the running server to its OpenAPI document; in a folder of its own, by the exact versions and hashes.
    contract={{ quote(cache / "contract") }}
    if ! cmp --silent tests/contract/requirements.txt "$contract/requirements.txt"; then
        echo "installing schemathesis"
        rm -rf "$contract"
        {{ python }} -m venv "$contract"
        "$contract/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement tests/contract/requirements.txt
        cp tests/contract/requirements.txt "$contract/requirements.txt"
    fi
    # Real clients of Lidarr and Plex, which hold the tests' fakes of them to the format.
    clients={{ quote(cache / "clients") }}
    if ! cmp --silent tests/clients/requirements.txt "$clients/requirements.txt"; then
        echo "installing pyarr and plexapi"
        rm -rf "$clients"
        {{ python }} -m venv "$clients"
        "$clients/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement tests/clients/requirements.txt
        cp tests/clients/requirements.txt "$clients/requirements.txt"
    fi
    # What drives the browser that looks at the pages; the same, on top of Debian's pytest.
    browser={{ quote(cache / "browser") }}
    if ! cmp --silent tests/browser/requirements.txt "$browser/requirements.txt"; then
        echo "installing playwright"
        rm -rf "$browser"
        {{ python }} -m venv --system-site-packages "$browser"
        "$browser/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement tests/browser/requirements.txt
        cp tests/browser/requirements.txt "$browser/requirements.txt"
    fi
    # Sources of music that are programs: the tests run the real ones.
    programs={{ quote(cache / "programs") }}
    if ! cat packaging/streamrip.txt tests/programs/requirements.txt | cmp --silent - "$programs/requirements.txt"; then
        echo "installing yt-dlp and streamrip"
        rm -rf "$programs"
        {{ python }} -m venv "$programs"
        "$programs/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement packaging/streamrip.txt --requirement tests/programs/requirements.txt
        cat packaging/streamrip.txt tests/programs/requirements.txt >"$programs/requirements.txt"
    fi
    # Cargo gives our own crate the same file names in every checkout, and would take another checkout's newer build for ours.
    if [ "$(cat "$CARGO_TARGET_DIR/checkout" 2>/dev/null)" != "$PWD" ]; then
        cargo clean --quiet --release --package barbossa 2>/dev/null || true
        printf '%s\n' "$PWD" >"$CARGO_TARGET_DIR/checkout"
    fi

# Build the program, for trying it out (BARBOSSA_PROFILE=dist: as a server gets it)
build: setup
    cargo build --locked --profile {{ program_profile }} --bin barbossa

# Build the pages: web/dist, by the exact versions of web/package-lock.json
web: web-packages
    cd web && node build.mjs

# Judge the pages: types, unit tests, and the size that a browser has to fetch
web-check: web-packages
    cd web && npm run --silent check && npm run --silent test && node build.mjs

# Make the pages' types anew from the API's document, after a change of the API
web-types: build
    "$CARGO_TARGET_DIR/{{ if program_profile == "dev" { "debug" } else { program_profile } }}/barbossa" gen openapi | node web/types.mjs -

# What builds the pages lies in the cache folder, once for each lock file.
[private]
web-packages: setup
    #!/usr/bin/env bash
    set -euo pipefail
    cd {{ quote(justfile_directory()) }}
    lock=$(cat web/package.json web/package-lock.json | sha256sum | cut -c-16)
    packages={{ quote(cache / "web") }}/$lock
    if [ ! -d "$packages" ]; then
        partial=$(mktemp -d {{ quote(cache) }}/web-XXXXXX)
        trap 'rm -rf "$partial"' EXIT
        cp web/package.json web/package-lock.json "$partial"
        echo "installing what builds the pages"
        npm ci --prefix "$partial" --ignore-scripts --no-audit --no-fund --silent
        mkdir -p {{ quote(cache / "web") }}
        chmod 0755 "$partial"
        mv --no-target-directory "$partial" "$packages" 2>/dev/null || [ -d "$packages" ]
    fi
    [ "$(readlink web/node_modules)" = "$packages/node_modules" ] || { rm -rf web/node_modules && ln -s "$packages/node_modules" web/node_modules; }

# Format the source
fmt:
    cargo fmt

# Judge the source: formatting, clippy (every warning is an error), documentation
lint: check-format clippy docs

[private]
check-format:
    cargo fmt --check

[private]
clippy:
    cargo clippy {{ profile }} --all-targets --features failpoints -- --deny warnings

[private]
docs:
    RUSTDOCFLAGS="--deny warnings" cargo doc {{ profile }} --no-deps --document-private-items

# Unit and integration tests, on a PostgreSQL and a Redis of their own (NAME picks some)
it *NAME: setup
    cargo test {{ profile }} --no-fail-fast --features failpoints -- {{ NAME }}

# Hold the running server to its OpenAPI document, as a member and as an admin, for SECONDS each, by other requests each time
contract SECONDS="300" SEED="random": setup
    BARBOSSA_CONTRACT_SECONDS={{ SECONDS }} BARBOSSA_CONTRACT_SEED={{ SEED }} cargo test {{ profile }} --features failpoints --test it -- contract:: --nocapture

# Random lives against the model (tests/it/model), a new seed each time, until something breaks or MINUTES are over
soak MINUTES="60" STEPS="20000": setup
    #!/usr/bin/env bash
    set -euo pipefail
    cd {{ quote(justfile_directory()) }}
    cargo test {{ profile }} --features failpoints --test it --no-run
    end=$((SECONDS + {{ MINUTES }} * 60))
    while ((SECONDS < end)); do
        BARBOSSA_MODEL_SEED=$(date +%s%N) BARBOSSA_MODEL_STEPS={{ STEPS }} \
            cargo test {{ profile }} --features failpoints --test it -- model::no_life_loses_a_song --nocapture
    done

# Judge the units: systemd-analyze verify, and the exposure each may have
units: build web
    {{ package }} units

# Build the Debian package, and print where it is
deb: build web
    @{{ package }} deb

# Judge the alert rules with Prometheus' own tool: taken out of Debian's package, which is not installed
alerts:
    #!/usr/bin/env bash
    set -euo pipefail
    promtool={{ quote(cache / "promtool") }}
    if [ ! -x "$promtool" ]; then
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        apt-cache show prometheus >/dev/null 2>&1 || apt-get -qq update
        # In Debian 13 it has a package of its own.
        package=promtool
        apt-cache show promtool >/dev/null 2>&1 || package=prometheus
        (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download "$package")
        dpkg-deb --fsys-tarfile "$folder/$package"_*.deb | tar --extract --to-stdout ./usr/bin/promtool >"$folder/promtool"
        chmod +x "$folder/promtool"
        mv "$folder/promtool" "$promtool"
    fi
    "$promtool" check rules --lint=all --lint-fatal {{ quote(justfile_directory() / "packaging/monitoring/prometheus-rules.yml") }}

# Judge the Debian package
lintian: build web
    {{ package }} lintian

# Debian's own judge of installing, upgrading, removing and purging
piuparts: build web
    {{ python }} tests/machine/piuparts.py

# Make a signed apt repository of the package and all it depends on in DIR
repository DIR: build web
    {{ package }} repository {{ quote(DIR) }}

# The same, kept: DIR is made, or this version is added beside the earlier ones that it has (BARBOSSA_PROFILE=dist for others)
apt-repo DIR: build
    {{ package }} apt-repo {{ quote(DIR) }}

# Upgrade from each earlier version in the repository DIR to this one, with a family's data in it
test-upgrades DIR: build
    BARBOSSA_REPOSITORY={{ quote(DIR) }} {{ python }} -m pytest -p no:cacheprovider tests/machine/test_earlier_versions.py

# Two builds of the package around the built program, in two places: the same bytes?
reproducible: build
    {{ package }} reproducible

# The package as users get it: from vendored crates, by Debian's own compiler, without a network, twice, the same bytes (half an hour)
release: setup web
    {{ package }} release

# The machine tests: a booted Debian 13 with `apt install barbossa` (NAME picks some)
test-machine *NAME: build web
    {{ python_with_browser }} -m pytest -p no:cacheprovider tests/machine {{ if NAME == "" { "" } else { "-k " + quote(NAME) } }}

# Take a picture of each page (light, dark; desktop, phone) into DIR
screenshots DIR: build web
    [ -n "$(fc-list :lang=ja)" ] || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends fonts-noto-cjk </dev/null >/dev/null
    BARBOSSA_SCREENSHOTS={{ quote(absolute_path(DIR)) }} {{ python_with_browser }} -m pytest -p no:cacheprovider tests/machine/test_pages.py -k "barriers"

# Measure how soon the library is painted on a machine of a quarter of this one's speed, and what that takes
first-page: build web
    BARBOSSA_LONG=1 {{ python_with_browser }} -m pytest -p no:cacheprovider tests/machine/test_pages.py -k the_first_page

# The faults at full length: a thousand jobs under kills, the shipped watchdogs, ten power cuts, half a minute of load on each upgrade
faults *NAME="test_faults or test_upgrade": build
    BARBOSSA_LONG=1 {{ python_with_browser }} -m pytest -p no:cacheprovider tests/machine -k {{ quote(NAME) }}

# Cut the power ten times in the middle of imports (what the file system has not flushed is gone), and check every byte after each
power-cut: build
    BARBOSSA_LONG=1 {{ python_with_browser }} -m pytest -p no:cacheprovider tests/machine -k test_a_power_cut

# Everything, cheap first: fmt, clippy, docs, unit and integration tests, units, lintian, machine tests
test: setup
    {{ python }} tests/everything.py

# A booted Debian 13 with Barbossa installed and music in it; again: upgrade the running one
up: setup
    @{{ python }} tests/machine/up.py

# Stop that machine and remove it
down:
    @{{ machine }} down

# A shell in that machine (or run COMMAND in it)
[positional-arguments]
shell *COMMAND:
    @{{ machine }} shell "$@"

# Follow what Barbossa says in that machine
logs:
    @{{ machine }} logs

# How that machine is
status:
    @{{ machine }} status

# Install Barbossa on this very host: Debian 13 with systemd (as root)
install: setup
    @BARBOSSA_PROFILE=dist {{ python }} tests/machine/up.py --on-this-host

# Measure adoption, browsing, memory and start with the real program, beside mpd and beets (NAME picks: adopt, adopt-large, import, import-large, serve, …)
bench *NAME: setup bench-peers
    BARBOSSA_BENCH_BEET={{ quote(cache / "bench/beets/bin/beet") }} cargo --config profile.release.package.barbossa.opt-level=3 bench --profile release --locked --bench house -- {{ NAME }}

# What the measurements are compared with: mpd from Debian (not started), beets from PyPI in a folder of its own
[private]
bench-peers:
    #!/usr/bin/env bash
    set -euo pipefail
    beets={{ quote(cache / "bench/beets") }}
    command -v mpd >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends mpd python3-venv </dev/null >/dev/null
    if [ ! -x "$beets/bin/beet" ]; then
        python3 -m venv "$beets"
        "$beets/bin/pip" -q install beets
    fi

# Remove what was built in the cache folder, the Debian trees and the machines too
clean: down
    rm -rf {{ quote(cache) }}/{target,trees,packages,dependencies,music,machines,scratch}
