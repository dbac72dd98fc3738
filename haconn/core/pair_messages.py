"""The messages about the pair; haconn/core/messages.py has the rest, and says what they are."""

from haconn.core.message import Message, Severity

_I, _W, _E = Severity.INFO, Severity.WARNING, Severity.ERROR
PAIR_MESSAGES = {
    "pair-role": Message("HACN401", _I, "now {role}, epoch {epoch}", "状態: {role} 世代 {epoch}"),
    "pair-takeover": Message(
        "HACN402",
        _W,
        "takes over from {server}, epoch {epoch}: {proof}",
        "{server} から引き継ぎます 世代 {epoch} 根拠: {proof}",
    ),
    "pair-begins": Message(
        "HACN431",
        _W,
        "becomes active, epoch {epoch}; {server}: {proof}",
        "稼働系になります 世代 {epoch} {server}: {proof}",
    ),
    "pair-lock": Message(
        "HACN432",
        _E,
        "{path} is another file than this process has locked: the address is dropped,"
        " and this process ends",
        "{path} はこのプロセスがロックしたファイルではなくなったため アドレスを解放して終了します",
    ),
    "pair-conservative": Message(
        "HACN403",
        _W,
        "takes no device command for {hold} s: {reason}",
        "{hold} 秒間 装置への命令を保留します: {reason}",
    ),
    "pair-exact": Message(
        "HACN404",
        _I,
        "the record of resets is complete up to {index}",
        "リセットの記録は {index} まで揃っています",
    ),
    "pair-yield": Message(
        "HACN405",
        _E,
        "another active was heard, epoch {epoch}: the address is dropped, and this process ends",
        "世代 {epoch} の別の稼働系を検出したため アドレスを解放して終了します",
    ),
    "pair-stall": Message(
        "HACN406",
        _W,
        "this process stood still for {late} s; the silence of that time is not the peer's",
        "このプロセスは {late} 秒間停止していました(その間の無応答は相手系の障害とみなしません)",
    ),
    "pair-lost": Message(
        "HACN407",
        _E,
        "{server} is silent on all paths",
        "{server} からの応答が全経路でありません",
        True,
    ),
    "pair-heard": Message("HACN408", _I, "{server} is heard", "{server} の応答を確認しました"),
    "pair-path-lost": Message(
        "HACN409",
        _W,
        "{path}: {server} is not heard there",
        "{path}: {server} の応答がありません",
        True,
    ),
    "pair-path-back": Message(
        "HACN410", _I, "{path}: {server} is heard there", "{path}: {server} の応答を確認しました"
    ),
    "pair-fencing": Message(
        "HACN411",
        _W,
        "{operation}: {server} is to be proved powerless before anything is taken over",
        "{operation}: 引き継ぎの前に {server} の停止を確認します",
    ),
    "pair-fenced": Message(
        "HACN412",
        _W,
        "{operation}: {server} is powerless: {proof}",
        "{operation}: {server} の停止を確認しました 根拠: {proof}",
    ),
    "pair-fence-failed": Message(
        "HACN413",
        _E,
        "{operation}: {server} is not proved powerless, so nothing is taken over: {reason};"
        " it is tried again; power it off, then haconnact takeover --peer-is-off {server}",
        "{operation}: {server} の停止を確認できないため 引き継ぎません: {reason}"
        "(再試行します。電源を切ってから haconnact takeover --peer-is-off {server})",
        True,
    ),
    "pair-blind": Message(
        "HACN414",
        _E,
        "{server} is silent, but that may be our own doing ({reason}): no fencing; mend that here,"
        " or power {server} off, then haconnact takeover --peer-is-off {server}",
        "{server} は無応答ですが 自系の障害の可能性があります({reason})"
        "(自系を直すか 電源を切ってから haconnact takeover --peer-is-off {server})",
        True,
    ),
    "pair-unfenceable": Message(
        "HACN415",
        _E,
        "{server} could not be proved powerless now: {reason}; haconnshow status shows its means",
        "現在 {server} の停止を確認できる手段がありません: {reason}(haconnshow status で確認)",
        True,
    ),
    "pair-fenceable": Message(
        "HACN416",
        _I,
        "{server} could be proved powerless now",
        "{server} の停止を確認できる状態です",
    ),
    "pair-waits": Message(
        "HACN417",
        _E,
        "undecided: {server} is not heard, and nothing proves that it is not active;"
        " start haconnr2 on it, or power it off (its BMC reading off is enough);"
        " if its BMC is silent: haconnact takeover --peer-is-off {server}",
        "状態未確定: {server} の応答がなく 停止も確認できません"
        "({server} で haconnr2 を起動するか 電源を切ってください"
        " BMC の応答がない場合は haconnact takeover --peer-is-off {server})",
        True,
    ),
    "pair-synchronised": Message(
        "HACN418", _I, "{server} is synchronised", "{server} と同期しました"
    ),
    "pair-unsynchronised": Message(
        "HACN419",
        _W,
        "{server} is not synchronised",
        "{server} と同期していません",
        True,
    ),
    "pair-drift": Message(
        "HACN420",
        _W,
        "the settings of {server} differ from ours; haconnact copy makes them equal",
        "{server} の設定が一致しません(haconnact copy で一致させてください)",
        True,
    ),
    "pair-same": Message(
        "HACN421", _I, "the settings of {server} are ours", "{server} の設定は一致しています"
    ),
    "pair-other-service": Message(
        "HACN422",
        _E,
        "{server} serves another virtual address or port: there is no standby;"
        " haconnsetup resetpath on one of them makes them equal",
        "{server} の仮想アドレスまたはポートが異なるため 待機系がありません",
        True,
    ),
    "pair-epoch": Message(
        "HACN423",
        _E,
        "the epoch on the disk: {reason}",
        "世代ファイル: {reason}",
        True,
    ),
    "pair-epoch-kept": Message(
        "HACN430", _I, "the epoch on the disk is {epoch}", "世代ファイル: {epoch}"
    ),
    "pair-record": Message("HACN424", _E, "a record of the pair: {reason}", "系の記録: {reason}"),
    "pair-address": Message(
        "HACN425",
        _E,
        "the virtual address: {reason}",
        "仮想アドレス: {reason}",
        True,
    ),
    "pair-address-held": Message(
        "HACN426", _I, "the virtual address is held", "仮想アドレスを設定しました"
    ),
    "pair-stopped": Message(
        "HACN427", _I, "{server} has stopped in order", "{server} は正常に停止しました"
    ),
    "pair-handover": Message(
        "HACN428", _W, "hands over to {server}: {reason}", "{server} へ引き継ぎます: {reason}"
    ),
    "pair-operator": Message(
        "HACN429",
        _W,
        "the operator says that {server} is off, and has it taken over from",
        "オペレータの指示により {server} から引き継ぎます",
    ),
}
"""By the name that the code uses."""
