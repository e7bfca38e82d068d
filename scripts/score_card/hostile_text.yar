// What hostile MCP servers write into descriptions, by the classes that Cisco's mcp-scanner publishes
// (github.com/cisco-ai-defense/mcp-scanner). The rules are our own. Each pattern has a text that it has to find in
// tests/_support/hostile_words.py.

rule prompt_injection
{
    strings:
        $override = /\b(ignore|disregard|forget|override|bypass)\s+(all\s+|any\s+|every\s+|the\s+|your\s+|these\s+)*(previous|prior|earlier|above|other|safety|system|existing)\b/ nocase
        $new_role = /\byou\s+are\s+(now|no\s+longer)\b|\bnew\s+(system\s+)?(instructions|prompt|persona)\s*:/ nocase
        $hidden_block = /<!--|<\s*(important|system|secret|hidden|instructions?|admin)\s*>|\[\s*(system|hidden|internal)\s+(note|instruction|command)s?\s*\]/ nocase
        $mode = /\b(developer|debug|god|jailbreak|unrestricted)\s+mode\b/ nocase
    condition:
        any of them
}

rule coercion
{
    strings:
        $first = /\b(always|must|mandatory|required|have\s+to)\b[^.\n]{0,40}\b(call|use|run|invoke|consult)\b[^.\n]{0,20}\b(this|first)\b/ nocase
        $before = /\bbefore\s+(using|calling|running|invoking|any|every)\b[^.\n]{0,30}\b(tool|function|request)/ nocase
        $refuse = /\b(other|different)\s+tools?\b[^.\n]{0,30}\b(will\s+fail|are\s+unsafe|must\s+not|are\s+deprecated)\b/ nocase
    condition:
        any of them
}

rule secrecy
{
    strings:
        $do_not_tell = /\b(do\s+not|don't|never|without)\s+(tell(ing)?|mention(ing)?|inform(ing)?|notify(ing)?|show(ing)?|reveal(ing)?)\b[^.\n]{0,20}\b(user|human|person|anyone|them)\b/ nocase
        $mention_this = /\b(do\s+not|don't|never)\s+mention\b/ nocase
        $silently = /\b(silently|secretly|covertly|quietly|unnoticed)\s+(send|upload|copy|copies|copied|record|collect|store|run|execute|forward)/ nocase
    condition:
        any of them
}

rule credential_harvesting
{
    strings:
        $key_file = /(\.ssh\/|\bid_(rsa|ed25519|ecdsa)\b|\.aws\/credentials|\.netrc\b|\.env\b|\.pem\b|\.kube\/config|mcp\.json|\/etc\/(passwd|shadow))/ nocase
        $hand_over = /\b(pass|give|send|provide|include|paste|enter|add)\b[^.\n]{0,30}\b(password|passphrase|api[ _-]?key|private\s+key|secret\s+key|credentials?|session\s+cookies?)\b/ nocase
        $key = /\b(sk-[A-Za-z0-9]{20,}|ghp_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY)/
    condition:
        any of them
}

rule data_exfiltration
{
    strings:
        $conversation = /\b(send|post|forward|upload|attach|append|include|put|copy|transmit)(s|es|ing)?\b[^.\n]{0,40}\b(conversation\s+history|chat\s+history|system\s+prompt|previous\s+messages|full\s+context|chain\s+of\s+thought)\b/ nocase
        $to_address = /\b(send|post|forward|upload|transmit|report)(s|ing)?\b[^.\n]{0,60}\b(https?:\/\/|ftp:\/\/|webhook|pastebin|ngrok)/ nocase
        $image = /!\[[^\]]*\]\(https?:\/\// nocase
    condition:
        any of them
}

rule hidden_purpose
{
    strings:
        $also = /\b(also|additionally|in\s+addition|meanwhile)\s+(collect|record|log|track|upload|send|share|scan|harvest)(s|ing)?\b/ nocase
        $shared = /\b(share|shared|sold|sent)\s+(with|to)\s+(third[ -]part|partners?|advertis)/ nocase
        $tracking = /\b(fingerprint|track|profile)(s|ing)?\s+(the\s+)?(user|device|machine|browser)/ nocase
    condition:
        any of them
}

rule tool_shadowing
{
    strings:
        $other_server = /\b(tool|function|\w+_\w+)\b[^.\n]{0,20}\b(of|from|on)\s+(another|any\s+other|the\s+\w+('s)?)\s+(mcp\s+)?server\b/ nocase
        $namespace = /\bmcp__\w+__\w+/
        $in_place = /\b(replaces|supersedes|shadows|takes\s+precedence\s+over)\s+(the\s+)?(tool|function)/ nocase
    condition:
        any of them
}

rule code_execution
{
    strings:
        $call = /\b(eval|exec|execfile|system|popen|spawn|compile|Function|setTimeout|Exec|Run|ShellExecute)\(/ nocase
        $call_with_space = /\b(exec|run|shellexecute)\s+\(/ nocase
        $module = /\b(os\.(system|popen|exec)|subprocess\.|child_process|__import__|Runtime\.getRuntime)/
        $decode = /\b(atob|b64decode|fromCharCode|base64\s+-d)\b/ nocase
        $tag = /<\s*\/?\s*script|javascript:|vbscript:|data:text\/html/ nocase
    condition:
        any of them
}

rule command_injection
{
    strings:
        $pipe_to_shell = /\|\s*(ba|z|da)?sh\b/
        $fetch = /\b(curl|wget)\s+(-\w+\s+)*(https?|ftp):/ nocase
        $destroy = /\brm\s+-\w*[rf]\w*\s|\bmkfs\b|\bdd\s+if=|\bformat\s+c:/ nocase
        $reverse = /\/dev\/tcp\/|\bnc\s+-\w*e\b|\bbash\s+-i\b/
        $windows = /\bpowershell\s+-|\bcmd(\.exe)?\s*\/c\b|\breg\s+add\b/ nocase
        $privilege = /\bsudo\s+\w|\bchmod\s+[0-7]*777\b|\bsetuid\b/ nocase
    condition:
        any of them
}

rule sql_injection
{
    strings:
        $tautology = /\bor\s+'?1'?\s*=\s*'?1/ nocase
        $stacked = /;\s*(drop|delete|truncate|alter)\s+(table|from|database)\b/ nocase
        $union = /\bunion\s+(all\s+)?select\b/ nocase
        $time = /\b(sleep|pg_sleep|benchmark)\s*\(\s*\d/ nocase
    condition:
        any of them
}

rule hidden_characters
{
    strings:
        $escape = { 1B 5B }
        $bidirectional = { E2 80 ( AA | AB | AC | AD | AE ) }
        $isolates = { E2 81 ( A6 | A7 | A8 | A9 ) }
        $zero_width = { E2 80 ( 8B | 8C | 8D | 8E | 8F ) }
        $byte_order_mark = { EF BB BF }
        $tag = { F3 A0 ( 80 | 81 ) ?? }
    condition:
        any of them
}
