#!/usr/bin/env bash
# The commands around a campaign: from init --demo to the doctor, and what each says when it cannot.
source "$(dirname "$0")/lib.sh"
unset ORCH_FAKE_ENGINE

# finding one's way
expect bare__shows_examples 0 'init --demo' "$ORCH"
expect help__lists_commands 0 '^  resume ' "$ORCH" help
expect help__explains_one 0 'usage: orch start FILE' "$ORCH" help start
expect help__option 0 '--allow-drift' "$ORCH" resume --help
expect help__unknown 2 'did you mean "verify"' "$ORCH" help verfy
expect version__says_build 0 '^orch [0-9.]+ \(build [0-9a-f]{12}\)$' "$ORCH" --version
expect command__prefix_is_guessed 2 'did you mean "status"' "$ORCH" stat
expect output__full_is_an_error 1 'cannot write the output' bash -c "'$ORCH' schema >/dev/full"
expect schema__is_json 0 '"additionalProperties"' "$ORCH" schema
expect schema__no_limit_is_said 0 'resources.pause .*\[default no limit\]' "$ORCH" schema --keys
expect schema__keys 0 'data.target.*required' "$ORCH" schema --keys
check completions__bash bash -c "'$ORCH' completions bash | bash -n"
expect completions__know_options 0 'resume\).*--redo-damaged' "$ORCH" completions bash
for shell in zsh fish; do
	if command -v $shell >/dev/null; then
		"$ORCH" completions $shell >completions.$shell
		check completions__$shell $shell -n completions.$shell
	else
		echo "# $shell is not installed: its completions are not tried"
	fi
done
if command -v fish >/dev/null; then
	expect completions__fish_offers_commands 0 '^resume' fish -c "source completions.fish; complete -C 'orch res'"
	expect completions__fish_offers_options 0 '^--redo-damaged' fish -c "source completions.fish; complete -C 'orch resume --red'"
fi
if command -v zsh >/dev/null; then
	expect completions__zsh_defines_its_function 0 '_orch: function' zsh -fc 'autoload -Uz compinit; compinit -u -d dump; source completions.zsh 2>/dev/null; whence -w _orch'
fi
if command -v groff >/dev/null; then
	for page in '' start notify; do
		expect "man__orch_$page" 0 'EXIT STATUS|Exit status' bash -o pipefail -c "'$ORCH' help --man $page | groff -man -Tascii -P-cbou -ww 2>warnings"
		same "man__orch_${page}_has_no_warnings" "$(cat warnings)" ""
	done
	expect man__has_all_options 0 'redo-damaged' bash -c "'$ORCH' help --man resume | groff -man -Tascii -P-cbou"
fi
expect man__unknown_command 2 'unknown command' "$ORCH" help --man nonesuch
expect completions__unknown_shell 2 'bash, zsh and fish' "$ORCH" completions csh

# init
expect init__demo 0 'start demo/campaign.yaml' "$ORCH" init --demo demo
check init__three_files test -s demo/flats.csv -a -s demo/campaign.yaml -a -s demo/campaign.schema.json
expect init__never_overwrites 2 'is there already; nothing was written' "$ORCH" init --demo demo
expect init__target_is_guessed 2 'did you mean "rent"' "$ORCH" init --source demo/flats.csv --target rnet other
expect init__lists_columns 2 'it has|has: id, area' "$ORCH" init --source demo/flats.csv other
expect init__missing_source 2 'no such file' "$ORCH" init --source nowhere.csv --target x other
check init__nothing_left_behind test ! -e other
expect init__source 0 'start other/campaign.yaml' "$ORCH" init --source demo/flats.csv --target rent other
expect init__template_is_a_campaign 0 'configurations' "$ORCH" plan other/campaign.yaml

# plan
expect plan__text 0 'time .* from fits measured' "$ORCH" plan demo/campaign.yaml
expect plan__json 0 '"low": [0-9]' "$ORCH" plan --json demo/campaign.yaml
sed 's/^rfe:/limits: {configurations: 3}\nrfe:/' demo/campaign.yaml >demo/small.yaml
expect plan__refused_says_so 3 'the limit is 3' "$ORCH" plan demo/small.yaml
expect plan__refused_in_json 3 '"refused": "the search has' "$ORCH" plan --json demo/small.yaml

# a campaign in the background
sed -i 's/^rfe:/rfe:\n  max_rounds: 2/' demo/campaign.yaml
expect detach__failure_is_told 2 'nothing.csv' bash -c "sed 's/flats.csv/nothing.csv/' demo/campaign.yaml >demo/none.yaml; '$ORCH' start --detach demo/none.yaml"
expect detach__under_way 0 'orch status --watch .*/demo/flats' "$ORCH" start --detach demo/campaign.yaml
expect watch__ends_with_it 0 'flats: done, 2 rounds' "$ORCH" status --watch demo
# it is done, and may still be saying so: its lock is free when it has ended
check detach__ends flock -w 60 demo/flats/lock true
check detach__log grep -q 'pd.read_parquet' demo/flats/orch.log
expect stop__not_running 0 'is not running' "$ORCH" stop demo
expect status__json 0 '"rounds_done": 2' "$ORCH" status --json demo
expect show__chosen 0 'chosen +round' "$ORCH" show demo
expect show__json 0 '"gain": ' "$ORCH" show --json demo
expect campaign__file_is_told 2 'is a file: name the campaign' "$ORCH" status demo/campaign.yaml
expect campaign__none_is_told 2 'there is no folder' "$ORCH" show nowhere

# one fit again
expect fit__again 0 'fold 4: mae ' "$ORCH" fit demo --trial 3 --round 1
expect fit__same_score 0 "$(awk -F, '$1 == 3 {print substr($7, 1, 8)}' demo/flats/rounds/round_000/01_hpo/trials.csv)" "$ORCH" fit demo --trial 3
expect fit__no_such_trial 2 'counted from 0' "$ORCH" fit demo --trial 1000
expect fit__which 2 'which trial' "$ORCH" fit demo

# bundles
expect bundle__list 0 'COMPLETE' "$ORCH" bundle demo --list 0
expect bundle__verify 0 'holds what its manifest says' "$ORCH" bundle --verify demo/flats/bundles/round_001.tar.zst
expect bundle__unpack 0 'unpacked into un' "$ORCH" bundle --unpack demo/flats/bundles/round_001.tar.zst un
check bundle__unpacked_holds bash -c 'cd un && sha256sum --quiet -c MANIFEST.sha256'
expect bundle__unpack_refuses_existing 2 'un' "$ORCH" bundle --unpack demo/flats/bundles/round_001.tar.zst un
expect bundle__what 2 'say one of' "$ORCH" bundle demo
expect bundle__no_such_round 2 'no bundle' "$ORCH" bundle demo --list 7
rm demo/flats/bundles/round_000.tar.zst
expect bundle__write_makes_it_again 0 'round_000.tar.zst written' "$ORCH" bundle demo --write

# everything derived can be made again
before=$(digest demo/flats)
cp demo/flats/summary.json summary.before
rm -r demo/flats/bundles/round_001.tar.zst demo/flats/provenance.git demo/flats/summary.json
sed -i '2s/.*/no JSON/' demo/flats/progress.jsonl && printf '{"torn' >>demo/flats/progress.jsonl
expect rebuild__verify_tells 5 'DAMAGED +progress.jsonl' "$ORCH" verify demo
expect rebuild__verify_json 5 '"damaged": [1-9]' "$ORCH" verify --json demo
expect rebuild__mends 0 'everything holds' "$ORCH" verify --rebuild demo
same rebuild__same_bytes "$(digest demo/flats)" "$before"
check rebuild__same_summary cmp summary.before demo/flats/summary.json
expect rebuild__needs_the_lock 4 'held' flock demo/flats/lock "$ORCH" verify --rebuild demo

# the doctor
ORCH_SECRET_TOKEN=hunter2 expect doctor__self_checks 0 'boosted trees +ok' "$ORCH" doctor
ORCH_SECRET_TOKEN=hunter2 "$ORCH" doctor --json >doctor.json 2>&1
check doctor__json grep -q '"version": 1' doctor.json
check doctor__masks_secrets bash -c "! grep -q hunter2 doctor.json && grep -q 'ORCH_SECRET_TOKEN\": \"\*\*\*' doctor.json"
finish
