"""What a command can say instead of doing what it was told: every text, once, in both languages.

The id is stable; documents and people name an error by it. What a whole configuration must keep
is said by haconn/config, and what the service refuses by the service: both come through here with
an id of their own, and in the words of those who said it.
"""

from haconn.core.message import Message, Severity

_E = Severity.ERROR
ERRORS = {
    # not written as it must be
    "no-command": Message(
        "HACN601",
        _E,
        "a command is missing; known: {known}",
        "コマンドがありません 指定可能: {known}",
    ),
    "unknown-command": Message(
        "HACN602",
        _E,
        "{word}: no such command; known: {known}",
        "{word}: 該当するコマンドがありません 指定可能: {known}",
    ),
    "unknown-words": Message(
        "HACN603",
        _E,
        "no such command; known: {known}",
        "該当するコマンドがありません 指定可能: {known}",
    ),
    "unknown-flag": Message(
        "HACN604",
        _E,
        "{word}: no such option; {close}known: {known}",
        "{word}: 該当するオプションがありません {close}指定可能: {known}",
    ),
    "other-flag": Message(
        "HACN605",
        _E,
        "{word}: not an option of this command; known: {known}",
        "{word}: このコマンドでは指定できません 指定可能: {known}",
    ),
    "missing-operand": Message(
        "HACN606",
        _E,
        "{word} is missing; syntax: {syntax}",
        "{word} を指定してください 形式: {syntax}",
    ),
    "missing-option": Message(
        "HACN607",
        _E,
        "{key}= is missing; allowed: {allowed}",
        "{key}= を指定してください 指定可能: {allowed}",
    ),
    "nothing-to-set": Message(
        "HACN608",
        _E,
        "nothing to set; at least one of: {keys}",
        "設定する項目がありません いずれかを指定してください: {keys}",
    ),
    "alone": Message(
        "HACN609",
        _E,
        "{key}= alone; allowed: {keys} together, or none of them",
        "{key}= だけでは指定できません {keys} をすべて指定するか すべて省略してください",
    ),
    "given-twice": Message(
        "HACN610", _E, "{key}: given twice; allowed: once", "{key}: 二重に指定されています"
    ),
    "too-many": Message(
        "HACN611",
        _E,
        "{word}: an argument too many; syntax: {syntax}",
        "{word}: 余分な引数です 形式: {syntax}",
    ),
    "no-pair-of-key-and-value": Message(
        "HACN612",
        _E,
        "{word}: not key=value; known: {known}",
        "{word}: key=value の形式ではありません 指定可能: {known}",
    ),
    "unknown-option": Message(
        "HACN613",
        _E,
        "{word}: unknown option; known: {known}",
        "{word}: 該当するオプションがありません 指定可能: {known}",
    ),
    "wrong-value": Message(
        "HACN614",
        _E,
        "{key}: wrong value{shown}; allowed: {allowed}",
        "{key}: 値{shown}が不正です 指定可能: {allowed}",
    ),
    "two-forms": Message(
        "HACN615",
        _E,
        "{one} and {other} together; allowed: one of them",
        "{one} と {other} は同時に指定できません",
    ),
    # refused, or failed
    "no-password-line": Message(
        "HACN621",
        _E,
        "no password: allowed is one line on the standard input",
        "パスワードがありません 標準入力に 1 行で指定してください",
    ),
    "no-password": Message(
        "HACN622", _E, "no password was given", "パスワードが入力されませんでした"
    ),
    "own-host": Message(
        "HACN623",
        _E,
        "{name}: this host; allowed: the peer's name of {known}",
        "{name}: 自ホストです 相手の名前を指定してください: {known}",
    ),
    "no-mserver": Message(
        "HACN624",
        _E,
        "{name}: no such management server; known: {known}",
        "{name}: 該当する管理サーバがありません 登録済み: {known}",
    ),
    "single": Message(
        "HACN625", _E, "not in single mode", "単独構成(mode single)では実行できません"
    ),
    "no-package": Message(
        "HACN626",
        _E,
        "haconn is not installed as a package, so it has no version",
        "haconn がパッケージとして導入されていないため バージョンを表示できません",
    ),
    "no-pserver": Message(
        "HACN627",
        _E,
        "{name}: no such managed server; known: {known}",
        "{name}: 該当する管理対象サーバがありません 登録済み: {known}",
    ),
    "no-pdu": Message(
        "HACN628",
        _E,
        "{addr}: no such PDU; known: {known}",
        "{addr}: 該当する PDU がありません 登録済み: {known}",
    ),
    "no-key": Message(
        "HACN629",
        _E,
        "{owner}: has no key; known: {known}",
        "{owner}: キーがありません キーあり: {known}",
    ),
    "keys-not-taken": Message(
        "HACN630",
        _E,
        "stored, but the running service works with the keys of before: {why}",
        "保存しましたが 稼働中のサービスは以前のキーを使用しています: {why}",
    ),
    "not-stored": Message(
        "HACN631",
        _E,
        "{name}: not stored: BMC {addr}: {why}; {flag} stores it all the same",
        "{name}: 保存していません BMC {addr}: {why} {flag} を指定すると確認なしで保存します",
    ),
    # the service
    "no-service": Message(
        "HACN641",
        _E,
        "HA connector service is not processing.",
        "HA connector service is not processing.",  # the manual's line, in both of its languages
    ),
    "socket-gone": Message(
        "HACN642",
        _E,
        "{path}: nobody listens there, yet the service runs;"
        " systemctl restart haconnr2 makes the socket anew",
        "{path}: サービスは稼働中ですが ソケットがありません"
        " systemctl restart haconnr2 で再作成されます",
    ),
    "silent": Message(
        "HACN643",
        _E,
        "the service has not answered for {seconds} s",
        "サービスが {seconds} 秒間応答していません",
    ),
    "broke": Message(
        "HACN644",
        _E,
        "the connection to the service broke: {why}",
        "サービスとの接続が切れました: {why}",
    ),
    "not-understood": Message(
        "HACN645",
        _E,
        "not understood by the service, or by this command: {why}",
        "サービスと通信できません(版が異なる可能性があります): {why}",
    ),
    "no-connection": Message(
        "HACN646",
        _E,
        "{path}: the service takes no connection",
        "{path}: サービスに接続できません",
    ),
    "not-connected": Message("HACN647", _E, "{path}: {why}", "{path}: {why}"),
    "no-answer": Message(
        "HACN648",
        _E,
        "the service ended the connection without an answer",
        "サービスが応答せずに接続を終了しました",
    ),
    "refused": Message("HACN649", _E, "{why}", "{why}"),
    # what others have said
    "settings": Message("HACN651", _E, "{why}", "{why}"),
    "system": Message("HACN652", _E, "{place}: {why}", "{place}: {why}"),
    "interrupted": Message("HACN653", _E, "interrupted", "中断されました"),
}
"""By the name that the code uses."""


class CatalogueError(Exception):
    """An error of the catalogue; `str()` is its English text."""

    def __init__(self, name: str, /, **values: object) -> None:
        self.name = name
        self.values = {key: str(value) for key, value in values.items()}
        self.before = ""
        """The words of the command that it is about."""
        super().__init__(name)

    def __str__(self) -> str:
        return self.text("en")

    def text(self, language: str) -> str:
        """Say it."""
        return f"{self.before}{ERRORS[self.name].text(self.values, language)}"

    def line(self, language: str) -> str:
        """Say it with its id."""
        return f"{ERRORS[self.name].id} {self.text(language)}"


class UsageError(CatalogueError):
    """The command is not written as it must be; one line, with what is allowed."""


class CommandError(CatalogueError):
    """The command was refused or has failed; one line says why."""
