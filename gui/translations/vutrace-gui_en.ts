<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>PayloadText</name>
    <message numerus="yes">
        <source>… %1 bytes more</source>
        <translation>
            <numerusform>… %1 byte more</numerusform>
            <numerusform>… %1 bytes more</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::BookmarksDock</name>
    <message numerus="yes">
        <source>There are %n bookmarks: no more are kept</source>
        <translation>
            <numerusform>There is %n bookmark: no more are kept</numerusform>
            <numerusform>There are %n bookmarks: no more are kept</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::ExportActions</name>
    <message numerus="yes">
        <source>%n records written to %1</source>
        <translation>
            <numerusform>%n record written to %1</numerusform>
            <numerusform>%n records written to %1</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1, with %n others that say what they mean</source>
        <translation>
            <numerusform>%1, with %n other that says what they mean</numerusform>
            <numerusform>%1, with %n others that say what they mean</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::HexView</name>
    <message numerus="yes">
        <source>… %1 bytes more</source>
        <translation>
            <numerusform>… %1 byte more</numerusform>
            <numerusform>… %1 bytes more</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::MainWindow</name>
    <message numerus="yes">
        <source>%n records copied</source>
        <translation>
            <numerusform>%n record copied</numerusform>
            <numerusform>%n records copied</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::StatisticsPanel</name>
    <message numerus="yes">
        <source>%n columns are not shown: %1</source>
        <translation>
            <numerusform>%n column is not shown: %1</numerusform>
            <numerusform>%n columns are not shown: %1</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::TimelineView</name>
    <message numerus="yes">
        <source>%1 chains in flight</source>
        <translation>
            <numerusform>%1 chain in flight</numerusform>
            <numerusform>%1 chains in flight</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 chains: %2 to %3, %4 on average</source>
        <translation>
            <numerusform>%1 chain: %2 to %3, %4 on average</numerusform>
            <numerusform>%1 chains: %2 to %3, %4 on average</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::TraceDocument</name>
    <message numerus="yes">
        <source>%1 records could not be decoded.</source>
        <translation>
            <numerusform>%1 record could not be decoded.</numerusform>
            <numerusform>%1 records could not be decoded.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 records are of a kind that a newer vutrace wrote.</source>
        <translation>
            <numerusform>%1 record is of a kind that a newer vutrace wrote.</numerusform>
            <numerusform>%1 records are of a kind that a newer vutrace wrote.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 packets are not vutrace&apos;s.</source>
        <translation>
            <numerusform>%1 packet is not vutrace&apos;s.</numerusform>
            <numerusform>%1 packets are not vutrace&apos;s.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>vutrace::gui::WorkStatus</name>
    <message numerus="yes">
        <source>%1 of %2 records</source>
        <translation>
            <numerusform>%1 of %2 record</numerusform>
            <numerusform>%1 of %2 records</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 records</source>
        <translation>
            <numerusform>%1 record</numerusform>
            <numerusform>%1 records</numerusform>
        </translation>
    </message>
</context>
</TS>
