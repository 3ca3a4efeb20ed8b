// Writes what Java's DateTimeFormatter makes of patterns, for TestTimestampsAreJavas:
// one line per pattern and instant, "!" where Java refuses the pattern.
// Run in this folder: java -Dstdout.encoding=UTF-8 Timestamps.java > timestamps.tsv

import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

public class Timestamps {
    static final String[] PATTERNS = {
        "yyyy/MM/dd/HH/", "yyyy-MM-dd", "'year='yyyy'/month='MM'/day='dd", "YYYY/ww", "YYYY-MM-dd", "YY", "y-M-d", "uuuu", "yy", "uuu",
        "yyyyy", "D", "DD", "DDD", "DDDD", "MMM", "MMMM", "MMMMM", "MMMMMM", "LL", "LLL", "E", "EEE", "EEEE", "EEEEE", "EEEEEE",
        "Q", "QQ", "QQQ", "QQQQ", "QQQQQ", "qqq", "h a", "hh:mm:ss a", "aa", "k", "kk", "K", "KK", "H_m.s", "S", "SSS", "SSSSSSSSSS",
        "X", "XX", "XXX", "XXXX", "XXXXX", "XXXXXX", "x", "xx", "xxx", "Z", "ZZ", "ZZZZZ", "z", "zzz", "G", "GGG", "GGGG", "GGGGG",
        "yyyy''MM", "'it''s' dd", "[yyyy]", "[yyyy[MM]]", "yyyy]", "'open", "T", "ddd", "HHH", "www", "w", "yyyy{", "#", "MM-\u00e9-dd",
    };
    static final String[] INSTANTS = {
        "2026-09-30T22:33:44Z", "2026-12-27T00:00:00Z", "2027-01-01T12:05:09Z", "2028-12-31T23:59:59Z", "2024-02-29T11:00:00Z",
        "2022-12-31T01:02:03Z",
    };
    static final String[] ZONES = {"UTC", "Asia/Kolkata"};

    public static void main(String[] args) {
        for (String pattern : PATTERNS) {
            for (String instant : INSTANTS) {
                for (String zone : ZONES) {
                    String text;
                    try {
                        text = DateTimeFormatter.ofPattern(pattern, Locale.US).format(ZonedDateTime.ofInstant(Instant.parse(instant), ZoneId.of(zone)));
                    } catch (RuntimeException e) {
                        text = "!";
                    }
                    System.out.println(pattern + "\t" + instant + "\t" + zone + "\t" + text);
                }
            }
        }
    }
}
