"""Every message that an operator can see in the event log, in syslog or as an alarm.

The id is stable; the English text is the first, the Japanese catalogue stands beside it. Texts
name their values in braces.
"""

from haconn.core.message import Message, Severity
from haconn.core.pair_messages import PAIR_MESSAGES

_I, _W, _E = Severity.INFO, Severity.WARNING, Severity.ERROR
MESSAGES = {
    "accepted": Message(
        "HACN101",
        _I,
        "{operation}: reset of {system} on {server} asked by {requester}",
        "{operation}: {requester} が {server} の {system} のリセットを要求しました",
    ),
    "joined": Message(
        "HACN102",
        _I,
        "{operation}: {requester} waits for the reset of {system} too",
        "{operation}: {requester} も {system} のリセット完了を待ちます",
    ),
    "stage": Message(
        "HACN103",
        _I,
        "{operation}: {command}, until {budget} s from now",
        "{operation}: {command}(制限時間 {budget} 秒)",
    ),
    "answered": Message(
        "HACN104", _I, "{operation}: {command}: {answer}", "{operation}: {command}: {answer}"
    ),
    "verdict": Message(
        "HACN105",
        _I,
        "{operation}: {system} on {server}: {outcome}; evidence: {evidence}, {age} s old",
        "{operation}: {server} の {system}: {outcome} 根拠: {evidence}({age} 秒前)",
    ),
    "failed": Message(
        "HACN106",
        _E,
        "{operation}: {system} on {server}: FAIL, nothing proved; {doubt}",
        "{operation}: {server} の {system}: FAIL 停止を確認できません {doubt}",
    ),
    "at-once": Message(
        "HACN107",
        _I,
        "{requester} asked for {system}: {outcome} at once; evidence: {evidence}, {age} s old",
        "{requester} の {system} への要求に即時応答 {outcome} 根拠: {evidence}({age} 秒前)",
    ),
    "declined": Message(
        "HACN108",
        _W,
        "{requester} asked for {system}: {outcome}, {reason}",
        "{requester} の {system} への要求を拒否 {outcome}: {reason}",
    ),
    "too-many-ids": Message(
        "HACN120",
        _W,
        "{requester} draws too many request ids: one in 2 s is taken in until it asks less often",
        "{requester} の要求 ID が多すぎます。頻度が下がるまで 2 秒に 1 件のみ受け付けます",
    ),
    "resumed": Message(
        "HACN109",
        _W,
        "{operation}: taken up at {command} after a restart or a takeover",
        "{operation}: 再起動または引き継ぎの後に {command} から再開しました",
    ),
    "test-taken": Message(
        "HACN121",
        _I,
        "{operation}: the test of {system} on {server} goes on as a reset; its NMI is not repeated",
        "{operation}: {server} の {system} のテストをリセットとして継続します(NMI は再送しません)",
    ),
    "nmi-before": Message(
        "HACN116",
        _W,
        "{operation}: no NMI is sent: another process may have sent one, {age} s ago or earlier",
        "{operation}: {age} 秒前の切り替え前に送信済みの可能性があるため NMI は送信しません",
    ),
    "registered": Message(
        "HACN110",
        _I,
        "{system} on {server} registered at {address}",
        "{server} の {system} が {address} から登録されました",
    ),
    "booted": Message(
        "HACN111",
        _I,
        "{system} on {server} has a new boot id",
        "{server} の {system} が起動し直されました",
    ),
    "left": Message(
        "HACN112",
        _I,
        "{system} on {server} stopped in order",
        "{server} の {system} が正常に停止しました",
    ),
    "stopped": Message(
        "HACN113",
        _W,
        "{system} on {server} says that it has stopped",
        "{server} の {system} が停止を通知しました",
    ),
    "powered-off": Message(
        "HACN114",
        _W,
        "{server} is off: its power was read off {reads} times",
        "{server} の電源 OFF を検知しました({reads} 回確認)",
    ),
    "powered-on": Message("HACN115", _I, "{server} is on", "{server} の電源 ON を検知しました"),
    "not-reset": Message(
        "HACN201",
        _E,
        "{system} on {server} was not reset: it speaks with the boot id it had before",
        "{server} の {system} はリセットされていません(ブート ID が変わっていません)",
        True,
    ),
    "unknown-boot": Message(
        "HACN202",
        _W,
        "{system} on {server} speaks, and whether this is a new boot cannot be told: it may not"
        " have been reset",
        "{server} の {system} がリセットされたか判断できません(新しい起動か判断できません)",
        True,
    ),
    "bmc-anothers": Message(
        "HACN231",
        _E,
        "the BMC registered for {server} is in another machine: {system} of {server} runs where the"
        " BMC of {other} is; nothing is sent to it; correct addr= of {server} and {other}"
        " (haconnsetup pserver mod)",
        "{server} の BMC は別の装置のものです: {server} の {system} は {other} の BMC の装置で動作"
        "しています。この BMC には何も送信しません。{server} と {other} の addr= を"
        "修正してください(haconnsetup pserver mod)",
        True,
    ),
    "bmc-elsewhere": Message(
        "HACN232",
        _W,
        "the BMC of {server} tells the GUID {guid}, and {system} the UUID {uuid}: the BMC may be in"
        " another machine; check addr= of {server}",
        "{server} の BMC の GUID {guid} と {system} の UUID {uuid} が一致しません: "
        "{server} の addr= を確認してください",
        True,
    ),
    "bmc-identified": Message(
        "HACN233",
        _I,
        "no difference is known any more between the BMC of {server} and the machine of {system}",
        "{server} の BMC と {system} の装置の不一致は解消しました",
    ),
    "boot-superseded": Message(
        "HACN234",
        _E,
        "{system} on {server}: a boot that another one had replaced speaks from {address} (boot id"
        " {boot}): one key is used in two places; retire it and make two",
        "{server} の {system}: 以前のブート ID {boot} が {address} から通知されました: "
        "同じキーが 2 箇所で使用されています。キーを作り直してください",
        True,
    ),
    "other-machine": Message(
        "HACN235",
        _E,
        "{system} on {server}: another machine (UUID {uuid}, before {known}) speaks with its key"
        " from {address}; if it was not replaced, one key is used in two places",
        "{server} の {system}: 別の装置(UUID {uuid} 以前は {known})が {address} から同じキーで"
        "通知しました。装置を交換していない場合 同じキーが 2 箇所で使用されています",
        True,
    ),
    "one-machine": Message(
        "HACN236",
        _I,
        "{system} on {server}: for ten minutes its key was used in one place",
        "{server} の {system}: 10 分間 キーは 1 箇所だけで使用されています",
    ),
    "withheld": Message(
        "HACN237",
        _W,
        "{operation}: {command} is not sent: {reason}",
        "{operation}: {command} は送信しません: {reason}",
    ),
    "bmc-lost": Message(
        "HACN203",
        _E,
        "the BMC of {server} cannot be used: {reason}",
        "{server} の BMC を使用できません: {reason}",
    ),
    "bmc-back": Message(
        "HACN204", _I, "the BMC of {server} can be used again", "{server} の BMC が回復しました"
    ),
    "pdu-lost": Message(
        "HACN205",
        _E,
        "the PDU {pdu} cannot be used: {reason}",
        "PDU {pdu} を使用できません: {reason}",
    ),
    "pdu-back": Message(
        "HACN206", _I, "the PDU {pdu} can be used again", "PDU {pdu} が回復しました"
    ),
    "restore-failed": Message(
        "HACN207",
        _E,
        "{operation}: {what} of {server} failed: {reason}",
        "{operation}: {server} の {what} に失敗しました: {reason}",
        True,
    ),
    "restored": Message(
        "HACN208",
        _I,
        "{operation}: {what} of {server} done and read back",
        "{operation}: {server} の {what} を確認しました",
    ),
    "pdu-unusable": Message(
        "HACN210",
        _E,
        "the PDU {pdu} is not usable for fencing: {reason}",
        "PDU {pdu} はリセットに使用できません: {reason}",
        True,
    ),
    "disk": Message(
        "HACN211",
        _E,
        "{what} cannot be written: {reason}; resets go on",
        "{what} に書き込めません: {reason} リセット処理は継続します",
        True,
    ),
    "contradicted": Message(
        "HACN221",
        _W,
        "{operation}: the {source} of {server} read off, but {system} lives: {sign}; off is proved"
        " anew",
        "{operation}: {server} の {source} は OFF ですが {system} は動作中です({sign})"
        " 再確認します",
    ),
    "refuted": Message(
        "HACN222",
        _E,
        "{operation}: {system} on {server} lives after '{evidence}': nothing of it is told, the"
        " next stage follows",
        "{operation}: 「{evidence}」の後も {server} の {system} は動作中です 次の手段に進みます",
        True,
    ),
    "distrusted": Message(
        "HACN223",
        _E,
        "the {source} of {server} read off while {system} lives ({sign}): one of the two is"
        " registered for another machine. It proves nothing until it reads on for 10 s: compare"
        " address and outlets with the cabling (docs/operation.md, Contrary evidence)",
        "{server} の {source} は OFF ですが {system} は動作中です({sign})"
        " 登録と配線を確認してください ON を 10 秒間確認するまで根拠として使用しません",
        True,
    ),
    "on-after-outlets": Message(
        "HACN226",
        _E,
        "the BMC of {server} reads on after all its outlets read off: nothing of the off is told"
        " of {system} any more",
        "{server} の全アウトレット OFF 確認後に BMC が ON を示しています {system} の停止は無効です",
        True,
    ),
    "still-distrusted": Message(
        "HACN227",
        _E,
        "the {source} of {server} prove nothing, as was found before this start, {until}"
        " (docs/operation.md, Contrary evidence)",
        "{server} の {source} は起動前の検知により根拠として使用しません({until})",
        True,
    ),
    "trusted": Message(
        "HACN224",
        _I,
        "the {source} of {server} has read on for 10 s and is believed again",
        "{server} の {source} は ON を 10 秒間確認したため再び使用します",
    ),
    "wrong-outlets": Message(
        "HACN225",
        _E,
        "{operation}: {feeds} were cut and read off, but {server} has power or its system spoke:"
        " they are not (all) the outlets that feed it. They are switched on again, and prove"
        " nothing until other outlets are set (docs/operation.md, Contrary evidence)",
        "{operation}: {feeds} を切断しましたが {server} は動作中です 給電アウトレットの登録が誤って"
        "います アウトレットを ON に戻し 登録を変更するまで根拠として使用しません",
        True,
    ),
    "started": Message(
        "HACN301",
        _I,
        "started: {servers} managed servers, {systems} systems, mode {mode}",
        "起動しました: 管理対象サーバ {servers} 台 システム {systems} mode {mode}",
    ),
    "stopping": Message("HACN302", _I, "stopping: {reason}", "停止します: {reason}"),
    "crashed": Message("HACN303", _E, "stopped abnormally: {reason}", "異常終了しました: {reason}"),
    "journal": Message("HACN304", _W, "journal: {what}", "ジャーナル: {what}"),
    "keys": Message(
        "HACN305",
        _I,
        "keys read again: {systems} systems",
        "キーを再読み込みしました: システム {systems}",
    ),
    "test-stopped": Message(
        "HACN117",
        _I,
        "{operation}: test of {system} on {server}: it stopped; evidence: {evidence}, {age} s old",
        "{operation}: {server} の {system} のテスト: 停止しました 根拠: {evidence}({age} 秒前)",
    ),
    "test-failed": Message(
        "HACN118",
        _W,
        "{operation}: test of {system} on {server}: no stop notice came; {doubt}",
        "{operation}: {server} の {system} のテスト: 停止通知がありません {doubt}",
    ),
    "not-asked": Message(
        "HACN306",
        _W,
        "whether another machine has {address} too was not asked: {reason}",
        "{address} を他のマシンも使用しているか確認できません: {reason}",
    ),
    "journal-damaged": Message(
        "HACN324",
        _W,
        "{path}: {lines} lines are damaged or missing; the other file of the journal has them",
        "{path}: {lines} 行が破損または欠落しています。もう一方のジャーナルにあります",
    ),
    "journal-lost": Message(
        "HACN325",
        _E,
        "{path}: {lines} lines are damaged or missing, and what they said is lost: nothing is"
        " commanded for 15 s, and systems of which it may have told ask for no reset for 60 s; a"
        " damaged file is kept as journal.damaged",
        "{path}: {lines} 行が破損または欠落し内容が失われました。15 秒間は指示を出さず 該当しうる"
        "システムからのリセット要求を 60 秒間拒否します(破損ファイルは journal.damaged)",
    ),
    "state-damaged": Message(
        "HACN323",
        _E,
        "{path} is damaged and counts for nothing; nothing is done that would rest on it",
        "{path} が破損しています。内容は使用しません",
    ),
    "socket-again": Message(
        "HACN321",
        _W,
        "the control socket {path} was gone and is made again; commands reach the daemon",
        "制御ソケット {path} が失われたため再作成しました。コマンドを受け付けます",
    ),
    "socket-lost": Message(
        "HACN322",
        _E,
        "the control socket {path} is gone and cannot be made again: {reason}; resets go on",
        "制御ソケット {path} を再作成できません: {reason} リセット処理は継続します",
        True,
    ),
    **PAIR_MESSAGES,
}
"""All messages, by the name that the code uses."""
