"""Writes posts_vectors.json: texts with the tokens and ids that posts.py gives them.

    python tools/keras/posts_vectors.py

All texts are invented. Half are written by hand, the rest walks the edges of
every range and table of the definition. Ids follow models/default.tokenizer.json.
"""

import json

import corpora
import posts

BY_HAND = """
Good morning!
I love this phone, best I ever had :)
not bad at all
I don't like it. I DON'T like it. I dont like it. I DONT!
can't won't shan't ain't isn't couldn't've
cant wont shant aint isnt cannot CANNOT
Can’t believe it’s over… she’ll be back, they’re here, we’d go, I’ve been, I’m done
'quoted' "quoted" ‘quoted’ “quoted” «quoted» „quoted‟ `ticked´
rock'n'roll and o'brien and y'all'd've
'tis the dogs' dinner' '' ' ''' 'n't n't t't
sooooo coooool yesss nooo aaa aa a
SOOOO HAPPYYYY!!!! waaaaait whaaat??? reallyyy?!?!
don'ttt doooon't caaan't 'sss it'sss
!!! ??? ?!? ... .... . .. ! ? !. .! ?. .? !!.? !? ?!
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
wait . . . what ! ? !
@someone hello @Some_One2! @ @@ @! @@twice a@b.c me@example.org
@someone: hi,@other(@third)
#Monday #throwback_thursday #2fast # ## #! ##double #_ #été
the #1 choice, number 2, 3rd, 4x4, 10am, 10:30, 1,000,000.50, $5.00, 50%, 1.2.3, 1..2, 1., .5, 1,, 7:
3:15pm-4:45pm 24/7 2015-08-06 +1 (555) 010-9999
http://example.org https://example.org/a?b=c#d HTTP://EXAMPLE.ORG www.example.org WWW.x.y
see http://example.org/x, or (https://example.org) or http:// or http or https: http… https's httpx
ahttp://example.org xwww.example.org awww www www. wwww. http:/example.org http//x
end http://example.org
:) :-) :] :} :D :-D ;) ;-) =) =D :') :'( :( :-( :[ :{ :/ :-/ :\\ :| :p :-P ;P :* :-* :o :O :-o
:)))) :(((( :/// :// :ppp :DDD ;))) ))) :-- :-' :'-) :--) :
:dog :pot :oh :d. :p, :o! :d_ :D2 d: (: :d
<3 <33333 <3! <30 <3 0 </3 </33 </30 < 3 <- <<3 i<3u
xD XD x-D ^_^ ^^ -_- >_< o_O \\o/ T_T
<url> <user> <num> <unk> <elong> ##ing [PAD] [UNK]
AT&amp;T &lt;b&gt; &quot;x&quot; &#39;s &apos; a&nbsp;b
&amp;amp; &amp;lt; &amp;amp;lt; &amp;amp;amp; &AMP; &Lt; &amp &lt gt; && & &; &#38; &#x27; &ampamp;
&amp;#39; &amp;nbsp; &lt;3 &amp;lt;3 &&amp;amp;;
😂 😂😂 😂😂😂 😂😂😂😂😂 😂😭😂 😂 😂 😂
👍 👍🏽 👍🏿👍🏿👍🏿 ❤️ ❤ ❤️❤️❤️ 👨‍👩‍👧‍👦 🏳️‍🌈 🇳🇿 🇺🇸🇺🇸 1️⃣ #️⃣ ☺️ ☹
🤷🏻‍♀️ whatever 🤷‍♂ ✨sparkle✨ 🔥🔥🔥🔥
naïve café résumé São Paulo Zürich Łódź Ångström Œuvre straße ﬁne smörgåsbord
CRÈME BRÛLÉE À LA CARTE ÇA VA ÑANDÚ İstanbul ISPARTA ılık
e\u0301 a\u0308 o\u0302\u0303 n\u0303o \u0301 \u0301\u0301\u0301
日本語のテキスト 中文 한국어 ひらがな カタカナ
привет мир ПРИВЕТ ΑΒΓ αβγ ΟΔΟΣ οδος
مرحبا بالعالم שלום עולם नमस्ते สวัสดี
日本語 and English 混ざる text 日日日日
ＦＵＬＬ ｗｉｄｔｈ！？ １２３ ＠ｎａｍｅ ＃ｔａｇ ｈｔｔｐ：／／ｘ ＇ ＂ ｀
a\tb\nc\rd\u000be\u000cf\u0000g\u0007h\u001bi\u001fj\u007fk\u0085l\u00a0m\u1680n\u2003o\u2028p\u2029q\u202fr\u205fs\u3000t
zero\u200bwidth soft\u00adhyphen joi\u200dner bom\ufeff rtl\u202emark word\u2060joiner
\ufeffstart
— – ‒ ― − - -- --- ---- _ __ ___ a_b _a_ snake_case
* ** *** **** ~~~ === ++ ,,, ;;; :::: |||
"" "" '''' (( )) (((x))) [x] {x} a/b a\\b a|b
$$$ €5 £5 ¥ ¢ © ® ™ ° ± ½ ² ×10 10÷2 § ¶ ¿que? ¡hola! ª º µ
• bullet · dot ‣ † ‡ ‰ ″ ′ ‹x› ⁄ ₿ № → ← ⇒ ∞ ≠ ☀ ♥ ♫ ★ ✓ ✔ ✌
antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis
floccinaucinihilipilification supercalifragilisticexpialidocious
qzxjkvbw xqzj zzyzx jjqq wvwvwv
The service was slow, the soup was cold, and nobody apologised.
Never again. Not once did anyone help. Hardly worth it. Without doubt the worst!
RT @someone: what a night!!! #win http://example.org/abc…
RT RT RT rt: via
5/5 would not eat here again lol smh tbh imo idk omg wtf
I'm not happy, but I'm not sad either. It's fine. It's not great. Isn't it good?
Y'ALL AIN'T READY!!! 💯💯💯
mother-in-law state-of-the-art e-mail re-elect co-op
Mr. Smith vs. U.S.A. a.m. p.m. i.e. e.g. etc.
one,two;three:four.five!six?seven/eight\\nine
CamelCaseWords iPhone eBay McDonald MacBook YouTube
hahaha hahahahaha ahahah lolololol hehe muahaha
x
é
.
'
#
@
&
😀
中
\u200d
0
00000
a1b2c3 1a2b3c abc123 123abc
k thx bye
<<< >>> <b>bold</b> <3<3<3 a<b b>a
""".strip("\n").split("\n")


def by_rule():
    """Yields texts around every edge of the definition's tables and ranges."""
    for low, high in posts.DROPPED + posts.SPACES:
        for c in sorted({max(0, low - 1), low, (low + high) // 2, high, high + 1}):
            if not 0xD800 <= c <= 0xDFFF:
                yield f"ab{chr(c)}cd"
    for start in range(0xC0, 0x180, 16):
        yield "".join(map(chr, range(start, start + 16)))
    yield "\u00bf\u00c0 \u017f\u0180"
    for start in range(0xFF00, 0xFF60, 16):
        yield " ".join(map(chr, range(start, start + 16)))
    for start in range(0x20, 0x100, 16):
        yield "".join(map(chr, range(start, start + 16)))
        yield " ".join(map(chr, range(start, start + 16)))
    for cs in posts.PUNCTUATION.values():
        yield " ".join(f"x{c}s" for c in cs)
    for word in posts.CONTRACTED:
        yield f"{word} {word}s {word.upper()} {word[:-1]}'{word[-1]}"
    for suffix in posts.SUFFIXES + ("t", "n", "x"):
        yield f"you'{suffix} YOU’{suffix.upper()} you' {suffix} '{suffix} it'{suffix}'s {suffix}'{suffix}"
    for eyes in sorted(posts.EYES):
        for nose in ["", *sorted(posts.NOSES)]:
            yield " ".join(eyes + nose + mouth for mouth in posts.MOUTHS)
            yield " ".join(eyes + nose + mouth * 3 + "a" for mouth in posts.MOUTHS)
    for name, _ in posts.ENTITIES:
        yield f"x{name}y {name}{name} {name[:-1]} {name.upper()} &amp;{name[1:]} &amp;amp;{name[1:]}"
    for n in (1, 2, 3, 4, 35, 36, 37, 100):
        yield "word " * n
        yield "a" * n
        yield "ab" * n
        yield "\u4e2d\u6587" * n
        yield "\U0001f602" * n
    for c in (0x17F, 0x180, 0x52F, 0x530, 0xD7FF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1F602, 0x1F3FA, 0x1F400, 0x10FFFF):
        yield f"a{chr(c)}b {chr(c)}{chr(c)}{chr(c)}"
    for length in (50, 500, 5000):
        yield "qzx" * length


def main():
    texts = ["", " ", "   ", "\n", "\t \r\n"] + [
        t.encode("ascii", "backslashreplace").decode("unicode_escape") if "\\u" in t else t.replace("\\\\", "\\") for t in BY_HAND]
    texts = list(dict.fromkeys([*texts, *by_rule()]))
    model = corpora.REPOSITORY / "models" / "default.tokenizer.json"
    vocabulary = posts.Vocabulary.read(model) if model.exists() else None
    rows = []
    for t in texts:
        row = {"text": t, "tokens": posts.tokens(t)}
        if vocabulary:
            row["ids"] = vocabulary.encode_padded(t)
        rows.append(row)
    out = corpora.REPOSITORY / "tools" / "keras" / "posts_vectors.json"
    out.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(f"{len(rows)} texts, ids {'written' if vocabulary else 'missing: no vocabulary yet'}")


if __name__ == "__main__":
    main()
